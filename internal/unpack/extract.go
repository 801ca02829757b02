package unpack

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Directory writes the files of an image into a directory, which is made if
// need be. Files that are there and that the image has too are replaced; others
// stay. Everything belongs to who runs this; devices are left out. Nothing is
// written outside of the directory, whatever links are in it.
func Directory(ctx context.Context, dir string, store content.Provider, manifest ocispec.Descriptor) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		err := Tar(ctx, t, store, manifest, "")
		if err == nil {
			err = t.Close()
		}
		_ = w.CloseWithError(err)
	}()
	x := &extraction{root: root, made: map[string]bool{".": true}}
	err = x.all(tar.NewReader(r))
	_ = r.CloseWithError(err) // ends the writer
	return err
}

// extraction writes files below a root.
type extraction struct {
	root *os.Root
	made map[string]bool // directories that are there
	dirs []*tar.Header   // whose modes and times are set at the end
}

func (x *extraction) all(t *tar.Reader) error {
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := x.one(path.Clean(h.Name), h, t); err != nil {
			return fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
	for _, h := range slices.Backward(x.dirs) {
		name := path.Clean(h.Name)
		err := errors.Join(x.root.Chmod(name, h.FileInfo().Mode().Perm()), x.times(name, h.ModTime))
		if err != nil {
			return fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
	return nil
}

func (x *extraction) one(name string, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		x.dirs = append(x.dirs, h)
		return x.directory(name)
	}
	if !slices.Contains([]byte{tar.TypeReg, tar.TypeSymlink, tar.TypeLink}, h.Typeflag) {
		return nil
	}
	if err := x.directory(path.Dir(name)); err != nil {
		return err
	}
	if err := x.root.RemoveAll(name); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeSymlink:
		return x.root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		return x.root.Link(path.Clean(h.Linkname), name)
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Chmod(h.FileInfo().Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return x.times(name, h.ModTime)
}

func (x *extraction) times(name string, modified time.Time) error {
	return x.root.Chtimes(name, modified, modified)
}

// directory makes a directory and those above it, in place of anything else
// that has the name.
func (x *extraction) directory(name string) error {
	if x.made[name] {
		return nil
	}
	if err := x.directory(path.Dir(name)); err != nil {
		return err
	}
	info, err := x.root.Lstat(name)
	switch {
	case err == nil && info.IsDir():
		err = x.root.Chmod(name, info.Mode().Perm()|0o700)
	case err == nil:
		if err = x.root.Remove(name); err == nil {
			err = x.root.Mkdir(name, 0o755)
		}
	case errors.Is(err, fs.ErrNotExist):
		err = x.root.Mkdir(name, 0o755)
	}
	x.made[name] = err == nil
	return err
}
