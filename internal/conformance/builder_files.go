package conformance

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// sourcesIn is sources in a directory that there is.
func sourcesIn(t *testing.T, dir string, entries map[string]string) []planner.File {
	t.Helper()
	var out []planner.File
	for _, entry := range slices.Sorted(maps.Keys(entries)) {
		content := entries[entry]
		f := planner.File{Path: entry, Type: planner.FileRegular}
		mode := fs.FileMode(0o640) // only the owner's x counts
		if name, link, ok := strings.Cut(entry, " -> "); ok {
			f = planner.File{Path: name, Type: planner.FileSymlink, Link: link}
		} else if name, ok := strings.CutSuffix(entry, "/"); ok {
			f = planner.File{Path: name, Type: planner.FileDirectory}
		} else if name, ok := strings.CutSuffix(entry, "*"); ok {
			f.Path, f.Type, mode = name, planner.FileExecutable, 0o710
		}
		f.Origin = filepath.Join(dir, filepath.FromSlash(f.Path))
		if f.Type == planner.FileRegular || f.Type == planner.FileExecutable {
			f.Size, f.Digest = int64(len(content)), digest.FromString(content).Encoded()
			write(t, f.Origin, content, mode)
		}
		out = append(out, f)
	}
	return out
}

func write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// blob reads a blob, which must have the size that desc says.
func (b BuilderUnderTest) blob(t *testing.T, desc ocispec.Descriptor) []byte {
	t.Helper()
	data, err := b.Store.ReadBlob(t.Context(), desc.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(data)) != desc.Size || digest.FromBytes(data) != desc.Digest {
		t.Fatalf("blob %s has %d bytes of digest %s, want %d", desc.Digest, len(data), digest.FromBytes(data), desc.Size)
	}
	return data
}

func (b BuilderUnderTest) manifest(t *testing.T, desc ocispec.Descriptor) ocispec.Manifest {
	t.Helper()
	var m ocispec.Manifest
	if err := json.Unmarshal(b.blob(t, desc), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func (b BuilderUnderTest) config(t *testing.T, desc ocispec.Descriptor) ocispec.Image {
	t.Helper()
	var c ocispec.Image
	if err := json.Unmarshal(b.blob(t, b.manifest(t, desc).Config), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// files describes an image's files by path: "-rwxr-xr-x 0:0 content",
// "drwxr-xr-x 0:0", "Lrwxrwxrwx 0:0 -> target". What a layer removes stays:
// the tests remove nothing.
func (b BuilderUnderTest) files(t *testing.T, desc ocispec.Descriptor) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, layer := range b.manifest(t, desc).Layers {
		if err := readLayer(plain(t, b.blob(t, layer)), out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func readLayer(layer []byte, out map[string]string) error {
	r := tar.NewReader(bytes.NewReader(layer))
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
		text := fmt.Sprintf("%v %d:%d", h.FileInfo().Mode(), h.Uid, h.Gid)
		switch h.Typeflag {
		case tar.TypeReg:
			text += " " + string(content)
		case tar.TypeSymlink:
			text += " -> " + h.Linkname
		}
		out[path.Clean(h.Name)] = text
	}
}

// plain is the data, uncompressed if it is compressed by gzip.
func plain(t *testing.T, data []byte) []byte {
	t.Helper()
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantFile checks a file that an instruction or COPY made.
func (b BuilderUnderTest) wantFile(t *testing.T, desc ocispec.Descriptor, name, content string) {
	t.Helper()
	if got, want := b.files(t, desc)[name], "-rw-r--r-- 0:0 "+content; got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

// wantExactly checks all files of an image.
func (b BuilderUnderTest) wantExactly(t *testing.T, desc ocispec.Descriptor, want map[string]string) {
	t.Helper()
	got := b.files(t, desc)
	for name, text := range got {
		if want[name] != text {
			t.Errorf("%q is %q, want %q", name, text, want[name])
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%q is missing", name)
		}
	}
}

// digests lists the store's blobs, sorted.
func (b BuilderUnderTest) digests(t *testing.T) []digest.Digest {
	t.Helper()
	return slices.Sorted(slices.Values(b.Digests(t)))
}
