package layout

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
)

type blobWriter struct{ content.Ingester }

func (w blobWriter) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, w, desc.Digest.String(), bytes.NewReader(data), desc)
}

// TestChangesAreWrittenTogether has changes come while another process holds
// the lock. They are written at once then: there is one index, not one for
// each step on the way to it.
func TestChangesAreWrittenTogether(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, err := s.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	archs := []string{"amd64", "arm64", "s390x", "ppc64le", "riscv64"}
	var g errgroup.Group
	for _, arch := range archs {
		g.Go(func() error {
			platform := "linux/" + arch
			result, err := fake.WriteImage(context.Background(), blobWriter{s.Content()}, fake.ImageSpec{Platform: platform})
			if err != nil {
				return err
			}
			return s.PutNode(context.Background(), executor.NodeEntry{Ref: "registry.test/app:1", Platform: platform, BuildResult: *result})
		})
	}
	for s.commits.count() < len(archs) {
		time.Sleep(time.Millisecond)
	}
	release()
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	indexes := 0
	err = s.Content().Walk(t.Context(), func(info content.Info) error {
		data, err := content.ReadBlob(t.Context(), s.Content(), ocispec.Descriptor{Digest: info.Digest})
		if err != nil {
			return err
		}
		if idx, err := imageindex.Parse(data); err == nil && idx.MediaType == ocispec.MediaTypeImageIndex {
			indexes++
			if len(idx.Manifests) != len(archs) {
				return fmt.Errorf("an index has %d platforms", len(idx.Manifests))
			}
		}
		return nil
	})
	if err != nil || indexes != 1 {
		t.Errorf("%d indexes were written, %v; want 1", indexes, err)
	}
}

// count is how many changes wait.
func (c *commits) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting)
}
