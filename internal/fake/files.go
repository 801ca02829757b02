package fake

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// fileTime is the time of all files: what BuildKit's client gives them.
var fileTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// files is a tree of files by their slash-separated path, without a leading
// slash. Parents are there too.
type files map[string]file

// file is one entry. load, if set, reads the content when it is needed.
type file struct {
	mode    fs.FileMode
	link    string
	content []byte
	load    func() ([]byte, error)
}

// sourceSet is a request's files. They are read when they are copied.
func sourceSet(list []planner.File) (files, error) {
	out := files{}
	for _, f := range list {
		switch f.Type {
		case planner.FileRegular:
			out.put(f.Path, file{mode: 0o644, load: func() ([]byte, error) { return read(f) }})
		case planner.FileExecutable:
			out.put(f.Path, file{mode: 0o755, load: func() ([]byte, error) { return read(f) }})
		case planner.FileSymlink:
			out.put(f.Path, file{mode: fs.ModeSymlink | 0o777, link: f.Link})
		case planner.FileDirectory:
			out.put(f.Path, file{mode: fs.ModeDir | 0o755})
		default:
			return nil, fmt.Errorf("file %s is of unknown type %q", f.Path, f.Type)
		}
	}
	return out, nil
}

// read reads a file whose content must be as planned.
func read(f planner.File) ([]byte, error) {
	content, err := os.ReadFile(f.Origin)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != f.Digest {
		return nil, fmt.Errorf("%s changed after it was hashed; run again", f.Origin)
	}
	return content, nil
}

// put adds a file and the directories above it.
func (t files) put(name string, f file) {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, ok := t[dir]; !ok {
			t[dir] = file{mode: fs.ModeDir | 0o755}
		}
	}
	t[name] = f
}

// copy copies src, a file or what is in a directory, to dest.
func (t files) copy(from files, src, dest string) error {
	src = inside(src)
	if f, ok := from[src]; ok && !f.mode.IsDir() {
		if strings.HasSuffix(dest, "/") {
			dest = path.Join(dest, path.Base(src))
		}
		return t.add(inside(dest), f)
	}
	if _, ok := from[src]; !ok && src != "." {
		return fmt.Errorf("%q: not found", "/"+src)
	}
	for name, f := range from {
		rest, ok := strings.CutPrefix(name, src+"/")
		if src == "." {
			rest, ok = name, true
		}
		if !ok {
			continue
		}
		if err := t.add(inside(path.Join(dest, rest)), f); err != nil {
			return err
		}
	}
	return nil
}

func (t files) add(name string, f file) error {
	if f.load != nil {
		content, err := f.load()
		if err != nil {
			return err
		}
		f.content, f.load = content, nil
	}
	t.put(name, f)
	return nil
}

// inside is the path below the root, "." for the root.
func inside(name string) string {
	return path.Clean(strings.TrimPrefix(path.Join("/", name), "/"))
}

// tar is a layer with the files. Writing to memory does not fail.
func (t files) tar() []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(t)) {
		f := t[name]
		h := &tar.Header{
			Name: name, Mode: int64(f.mode.Perm()), Size: int64(len(f.content)),
			Typeflag: tar.TypeReg, ModTime: fileTime, Format: tar.FormatPAX,
		}
		switch {
		case f.mode.IsDir():
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		case f.mode&fs.ModeSymlink != 0:
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.link
		}
		_ = w.WriteHeader(h)
		_, _ = w.Write(f.content)
	}
	_ = w.Close()
	return buf.Bytes()
}

// readImage reads an image's files. Its layers are tar archives that remove
// nothing, as those made here are.
func readImage(ctx context.Context, blobs BlobStore, desc ocispec.Descriptor) (files, error) {
	data, err := blobs.ReadBlob(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	out := files{}
	for _, layer := range m.Layers {
		data, err := blobs.ReadBlob(ctx, layer.Digest)
		if err != nil {
			return nil, err
		}
		if err := out.untar(data); err != nil {
			return nil, fmt.Errorf("layer %s: %w", layer.Digest, err)
		}
	}
	return out, nil
}

func (t files) untar(data []byte) error {
	r := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		t.put(inside(h.Name), file{mode: h.FileInfo().Mode(), link: h.Linkname, content: content})
	}
}
