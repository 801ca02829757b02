package fake

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Blobs is content in memory, by digest. The zero value is ready for use, by
// any number of goroutines.
type Blobs struct {
	mu   sync.Mutex
	data map[digest.Digest][]byte
}

// WriteBlob adds a blob, which must be what desc says it is.
func (b *Blobs) WriteBlob(_ context.Context, desc ocispec.Descriptor, data []byte) error {
	if got := digest.FromBytes(data); got != desc.Digest || int64(len(data)) != desc.Size {
		return fmt.Errorf("write blob %s: content is %s: %w", desc.Digest, got, errdefs.ErrFailedPrecondition)
	}
	b.put(desc.Digest, data)
	return nil
}

func (b *Blobs) put(dgst digest.Digest, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.data == nil {
		b.data = map[digest.Digest][]byte{}
	}
	b.data[dgst] = data
}

// ReadBlob returns the blob, or an error that wraps errdefs.ErrNotFound.
func (b *Blobs) ReadBlob(_ context.Context, dgst digest.Digest) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, ok := b.data[dgst]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	}
	return data, nil
}

// RemoveBlob makes the blob go missing, as damage does.
func (b *Blobs) RemoveBlob(dgst digest.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.data, dgst)
}

// Digests returns the digests of all blobs, in no order.
func (b *Blobs) Digests() []digest.Digest {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]digest.Digest, 0, len(b.data))
	for d := range maps.Keys(b.data) {
		all = append(all, d)
	}
	return all
}
