package unpack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/unpack"
)

// layer is files: "name" is a directory when it ends in a slash, "name=text" a
// file, "name->target" a symlink and "name=>target" a hard link.
func layer(t *testing.T, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		h := &tar.Header{Name: e, Typeflag: tar.TypeReg, Mode: 0o640}
		text := ""
		if name, target, ok := strings.Cut(e, "=>"); ok {
			h.Name, h.Linkname, h.Typeflag = name, target, tar.TypeLink
		} else if name, target, ok := strings.Cut(e, "->"); ok {
			h.Name, h.Linkname, h.Typeflag = name, target, tar.TypeSymlink
		} else if name, content, ok := strings.Cut(e, "="); ok {
			h.Name, text = name, content
		} else if strings.HasSuffix(e, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o750
		}
		h.Size = int64(len(text))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// image puts an image of layers into a store.
func image(t *testing.T, layers ...[]byte) (content.Store, ocispec.Descriptor) {
	t.Helper()
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put := func(kind string, data []byte) ocispec.Descriptor {
		d := ocispec.Descriptor{MediaType: kind, Digest: digest.FromBytes(data), Size: int64(len(data))}
		if err := content.WriteBlob(t.Context(), store, d.Digest.String(), bytes.NewReader(data), d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	m := ocispec.Manifest{}
	for _, l := range layers {
		m.Layers = append(m.Layers, put(ocispec.MediaTypeImageLayerGzip, l))
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return store, put(ocispec.MediaTypeImageManifest, data)
}

// files describes a directory as layer does.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	inodes := map[uint64]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		switch {
		case d.IsDir():
			out = append(out, rel+"/")
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(name)
			out = append(out, rel+"->"+target)
		default:
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if first := inodes[inode(t, name)]; first != "" {
				out = append(out, rel+"=>"+first)
				return nil
			}
			inodes[inode(t, name)] = rel
			out = append(out, rel+"="+string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDirectory: what layers make of each other.
func TestDirectory(t *testing.T) {
	for name, c := range map[string]struct {
		layers [][]string
		want   []string
	}{
		"one":             {[][]string{{"a/", "a/f=1", "l->a/f", "h=>a/f"}}, []string{"a/", "a/f=1", "h=>a/f", "l->a/f"}},
		"no parents":      {[][]string{{"a/b/f=1"}}, []string{"a/", "a/b/", "a/b/f=1"}},
		"replaced":        {[][]string{{"f=1", "g=1"}, {"f=2"}}, []string{"f=2", "g=1"}},
		"whiteout":        {[][]string{{"d/", "d/f=1", "g=1"}, {".wh.d"}}, []string{"g=1"}},
		"made again":      {[][]string{{"d/", "d/f=1"}, {".wh.d"}, {"d/", "d/g=1"}}, []string{"d/", "d/g=1"}},
		"opaque":          {[][]string{{"d/", "d/f=1", "d/e/", "d/e/f=1"}, {"d/", "d/.wh..wh..opq", "d/g=2"}}, []string{"d/", "d/g=2"}},
		"dir for file":    {[][]string{{"d=1"}, {"d/", "d/f=1"}}, []string{"d/", "d/f=1"}},
		"file for dir":    {[][]string{{"d/", "d/f=1"}, {"d=1"}}, []string{"d=1"}},
		"link to below":   {[][]string{{"f=1"}, {"h=>f"}}, []string{"f=1", "h=>f"}},
		"link to gone":    {[][]string{{"f=1", "g=>f", "h=>g"}, {".wh.f"}}, []string{"g=1", "h=>g"}},
		"link to changed": {[][]string{{"f=1", "h=>f"}, {"f=2"}}, []string{"f=2", "h=1"}},
		"written twice":   {[][]string{{"f=1", "f=22"}}, []string{"f=22"}},
		"odd names":       {[][]string{{"./", "./a=1", "/b=2", "c/../d=3", "../e=4"}}, []string{"a=1", "b=2", "d=3", "e=4"}},
	} {
		t.Run(name, func(t *testing.T) {
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, layer(t, l...))
			}
			store, manifest := image(t, layers...)
			dir := filepath.Join(t.TempDir(), "new", "dir")
			for range 2 { // the second time over itself
				if err := unpack.Directory(t.Context(), dir, store, manifest); err != nil {
					t.Fatal(err)
				}
				if got := files(t, dir); !slices.Equal(got, c.want) {
					t.Errorf("files are %q, want %q", got, c.want)
				}
			}
		})
	}
}

// TestDirectoryOverAnother: what is there and in the way is replaced, what is
// not stays, and no link leads out.
func TestDirectoryOverAnother(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "mine"), []byte("m"), 0o600), os.Symlink(outside, filepath.Join(dir, "d")),
		os.Mkdir(filepath.Join(dir, "f"), 0o700), os.WriteFile(filepath.Join(dir, "f", "x"), nil, 0o600),
		os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "g")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	store, manifest := image(t, layer(t, "d/f=1", "f=1", "g=1"))
	if err := unpack.Directory(t.Context(), dir, store, manifest); err != nil {
		t.Fatal(err)
	}
	if got, want := files(t, dir), []string{"d/", "d/f=1", "f=1", "g=1", "mine=m"}; !slices.Equal(got, want) {
		t.Errorf("files are %q, want %q", got, want)
	}
	if got := files(t, outside); len(got) > 0 {
		t.Errorf("outside there is %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "f"))
	if err != nil || info.Mode().Perm() != 0o640 || info.ModTime().Unix() != 0 {
		t.Errorf("f is %v, %v", info, err)
	}
}

// TestDamagedImage: an error says which layer cannot be read.
func TestDamagedImage(t *testing.T) {
	store, manifest := image(t, layer(t, "f=1")[:20])
	if err := unpack.Directory(t.Context(), t.TempDir(), store, manifest); err == nil || !strings.Contains(err.Error(), "read layer sha256:") {
		t.Errorf("error is %v", err)
	}
	manifest.Digest = digest.FromString("none")
	if err := unpack.Directory(t.Context(), t.TempDir(), store, manifest); err == nil || !strings.Contains(err.Error(), "read the image") {
		t.Errorf("error is %v", err)
	}
}

// TestTar: two images in one archive, in bytes that do not change.
func TestTar(t *testing.T) {
	store, manifest := image(t, layer(t, "d/", "d/f=1", "d/g=>d/f"), layer(t, "e=2"))
	write := func() []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, prefix := range []string{"", "linux_arm64/"} {
			if err := unpack.Tar(t.Context(), w, store, manifest, prefix); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	first := write()
	if !bytes.Equal(first, write()) {
		t.Error("the bytes differ")
	}
	var names []string
	r := tar.NewReader(bytes.NewReader(first))
	for h, err := r.Next(); err == nil; h, err = r.Next() {
		names = append(names, h.Name+h.Linkname)
	}
	if want := []string{"d/", "d/f", "d/gd/f", "e", "linux_arm64/d/", "linux_arm64/d/f", "linux_arm64/d/glinux_arm64/d/f", "linux_arm64/e"}; !slices.Equal(names, want) {
		t.Errorf("names are %q, want %q", names, want)
	}
}
