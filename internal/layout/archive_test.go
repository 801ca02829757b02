package layout_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ggcrlayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/stowage-build/stowage/internal/layout"
)

// shipment is a store with two packages, the first for two platforms.
func shipment(t *testing.T) *layout.Store {
	t.Helper()
	s := open(t, t.TempDir())
	put(t, s, ref, "linux/amd64")
	put(t, s, ref, "linux/arm64")
	put(t, s, "localhost:5000/acme/tool:v1", "linux/arm64")
	return s
}

func export(t *testing.T, s *layout.Store, opts layout.ExportOptions, patterns ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := s.Export(t.Context(), &b, patterns, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func imported(t *testing.T, s *layout.Store, data []byte, opts layout.ImportOptions) []layout.ArchivedImage {
	t.Helper()
	images, err := s.Import(t.Context(), bytes.NewReader(data), opts)
	if err != nil {
		t.Fatal(err)
	}
	wantClean(t, s)
	return images
}

// wantNothing wants an import to fail, saying all of these, and to name nothing.
func wantNothing(t *testing.T, data []byte, opts layout.ImportOptions, says ...string) {
	t.Helper()
	s := open(t, t.TempDir())
	_, err := s.Import(t.Context(), bytes.NewReader(data), opts)
	for _, text := range says {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("the error is %v, want one that says %q", err, text)
		}
	}
	if entries, err := s.List(t.Context()); err != nil || len(entries) != 0 {
		t.Errorf("the store has %v, %v; want nothing", entries, err)
	}
	if n := ingesting(t, s.Dir()); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
	wantClean(t, s)
}

// edited returns the archive with files changed by edit, which drops those for
// which it returns nil.
func edited(t *testing.T, data []byte, edit func(h *tar.Header, content []byte) []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if content = edit(h, content); content == nil {
			continue
		}
		h.Size = int64(len(content))
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestExportAndImport(t *testing.T) {
	from := shipment(t)
	data := export(t, from, layout.ExportOptions{Format: layout.FormatOCI}, "*")
	if !bytes.Equal(data, export(t, from, layout.ExportOptions{Format: layout.FormatOCI}, "*")) {
		t.Error("a second export gives other bytes")
	}
	to := open(t, t.TempDir())
	for range 2 {
		images := imported(t, to, data, layout.ImportOptions{})
		if len(images) != 2 || images[0].Ref != ref || strings.Join(images[0].Platforms, " ") != "linux/amd64 linux/arm64" {
			t.Errorf("imported %+v", images)
		}
	}
	want, err := from.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := to.List(t.Context())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the store has %+v, %v\nwant %+v", got, err, want)
	}
	image, err := to.Lookup(t.Context(), ref)
	if err != nil || image.Hash != hash || len(image.Manifests) != 2 {
		t.Errorf("the image is %+v, %v", image, err)
	}
}

// TestExportIsALayout reads what was exported as a stranger would.
func TestExportIsALayout(t *testing.T) {
	dir := t.TempDir()
	unpack(t, export(t, shipment(t), layout.ExportOptions{Format: layout.FormatOCI}, ref), dir)
	idx, err := ggcrlayout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := idx.IndexManifest()
	if err != nil || len(m.Manifests) != 1 || m.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != ref {
		t.Fatalf("index.json is %+v, %v", m, err)
	}
	inner, err := idx.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(inner, validate.Fast); err != nil {
		t.Error(err)
	}
}

func unpack(t *testing.T, data []byte, dir string) {
	t.Helper()
	edited(t, data, func(h *tar.Header, content []byte) []byte {
		writeFile(t, filepath.Join(dir, h.Name), content)
		return content
	})
}

func TestExportPlatforms(t *testing.T) {
	s := shipment(t)
	for _, platform := range platforms {
		data := export(t, s, layout.ExportOptions{Format: layout.FormatOCI, Platforms: []string{platform}}, ref)
		to := open(t, t.TempDir())
		if images := imported(t, to, data, layout.ImportOptions{}); !slices.Equal(images[0].Platforms, []string{platform}) {
			t.Errorf("imported %+v, want %s", images, platform)
		}
		if image, err := to.Lookup(t.Context(), ref); err != nil || len(image.Manifests) != 1 || image.Hash != hash {
			t.Errorf("the image is %+v, %v", image, err)
		}
		again := export(t, to, layout.ExportOptions{Format: layout.FormatOCI}, ref)
		if !bytes.Equal(again, data) {
			t.Error("what was imported is exported otherwise")
		}
	}
	var b bytes.Buffer
	_, err := s.Export(t.Context(), &b, []string{"*/tool:*"}, layout.ExportOptions{Format: layout.FormatOCI, Platforms: []string{"linux/amd64"}})
	if err == nil || !strings.Contains(err.Error(), "tool:v1: the store has it for linux/arm64, not for linux/amd64") || b.Len() > 0 {
		t.Errorf("exporting what is not there gives %v and %d bytes", err, b.Len())
	}
}

func TestDockerArchive(t *testing.T) {
	s := shipment(t)
	data := export(t, s, layout.ExportOptions{Format: layout.FormatDocker, Platforms: []string{"linux/arm64"}}, "*")
	to := open(t, t.TempDir())
	images := imported(t, to, data, layout.ImportOptions{})
	if len(images) != 2 || images[0].Ref != ref || !slices.Equal(images[0].Platforms, []string{"linux/arm64"}) {
		t.Errorf("imported %+v", images)
	}
	// As ggcr reads it.
	path := filepath.Join(t.TempDir(), "docker.tar")
	writeFile(t, path, data)
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := tarball.ImageFromPath(path, &tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	if c, err := image.ConfigFile(); err != nil || c.Architecture != "arm64" {
		t.Errorf("its configuration is %+v, %v", c, err)
	}

	var b bytes.Buffer
	if _, err := s.Export(t.Context(), &b, []string{ref}, layout.ExportOptions{Format: layout.FormatDocker, Platforms: platforms}); err == nil {
		t.Error("two platforms in a docker-archive were accepted")
	}
	if _, err := s.Export(t.Context(), &b, []string{ref}, layout.ExportOptions{Format: "zip"}); err == nil || !strings.Contains(err.Error(), "oci-archive") {
		t.Errorf("an unknown format gives %v", err)
	}
}

func TestExportOfDamage(t *testing.T) {
	for what, damage := range map[string]func(path string){
		"missing":   func(path string) { removeFile(t, path) },
		"truncated": func(path string) { truncate(t, path, 10) },
		"garbled":   func(path string) { flip(t, path) },
	} {
		t.Run(what, func(t *testing.T) {
			s := shipment(t)
			damage(blobs{s}.path(layer("for linux/arm64")))
			var b bytes.Buffer
			_, err := s.Export(t.Context(), &b, []string{ref}, layout.ExportOptions{Format: layout.FormatOCI})
			if err == nil || !strings.Contains(err.Error(), "stowage apply") || !strings.Contains(err.Error(), ref) {
				t.Errorf("the error is %v", err)
			}
			if _, err := s.Export(t.Context(), io.Discard, []string{ref}, layout.ExportOptions{Format: layout.FormatOCI, Platforms: []string{"linux/amd64"}}); err != nil {
				t.Error(err)
			}
		})
	}
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
