package layout_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

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
