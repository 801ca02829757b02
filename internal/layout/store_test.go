package layout_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/layout"
)

// open opens a store that the test closes.
func open(t *testing.T, dir string) *layout.Store {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// blobs writes a store's blobs as BuildKit does, and damages them.
type blobs struct{ *layout.Store }

func (b blobs) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, b.Content(), "ref-"+desc.Digest.String(), bytes.NewReader(data), desc)
}

func (b blobs) ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, b.Content(), ocispec.Descriptor{Digest: dgst})
}

func (b blobs) path(dgst digest.Digest) string {
	return filepath.Join(b.Dir(), "blobs", "sha256", dgst.Encoded())
}

func (b blobs) RemoveBlob(dgst digest.Digest) { _ = os.Remove(b.path(dgst)) }

func TestStore(t *testing.T) {
	conformance.Store(t, func(t *testing.T) conformance.StoreUnderTest {
		s := open(t, t.TempDir())
		return conformance.StoreUnderTest{Store: s, Content: blobs{s}}
	})
}

// catch takes blobs to nowhere.
type catch func(ocispec.Descriptor)

func (c catch) WriteBlob(_ context.Context, desc ocispec.Descriptor, _ []byte) error {
	c(desc)
	return nil
}

// TestLayoutOfAnotherTool opens a layout that was not made here: an image
// manifest without an index, and no directory of ours.
func TestLayoutOfAnotherTool(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	image := put(t, s, ref, "linux/arm64")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ingest", "index.lock"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"annotations":{%q:"x"}},
		{"mediaType":"application/x-other","digest":%q,"size":%d}]}`,
		image.Manifest.MediaType, image.Manifest.Digest, image.Manifest.Size, ocispec.AnnotationRefName, image.Manifest.Digest, image.Manifest.Size)
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	found, err := s.Lookup(t.Context(), "x")
	if err != nil || found.Manifests["linux/arm64"].Digest != image.Manifest.Digest || found.Digest != image.Manifest.Digest.String() {
		t.Errorf("a single manifest is %+v, %v", found, err)
	}
	put(t, s, ref, "linux/amd64")
	if err := s.PutNode(t.Context(), executor.NodeEntry{Ref: "x", Platform: "linux/arm/v7", BuildResult: image}); err != nil {
		t.Error(err)
	}
	if found, err = s.Lookup(t.Context(), "x"); err != nil || len(found.Manifests) != 2 {
		t.Errorf("the manifest was not kept as a platform: %+v, %v", found, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil || !strings.Contains(string(data), "application/x-other") {
		t.Errorf("another tool's entry was lost: %s, %v", data, err)
	}
}

func TestOpenCannotCreate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := layout.Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error is %v, want one that names %s", err, file)
	}
}
