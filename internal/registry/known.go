package registry

import (
	"context"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
)

// known remembers which repositories have which blobs, so that they are
// neither asked for nor sent twice, and can be mounted.
type known struct {
	mu    sync.Mutex
	blobs map[blobKey]*knownBlob
}

// blobKey is a blob on a host: across hosts nothing is shared.
type blobKey struct {
	host   string
	digest digest.Digest
}

// knownBlob is where a blob is.
type knownBlob struct {
	// first holds a token while nobody knows a repository that has the blob
	// and somebody is making one have it.
	first chan struct{}

	mu    sync.Mutex
	repos []name.Repository
}

func (k *known) blob(repo name.Repository, dgst digest.Digest) *knownBlob {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.blobs == nil {
		k.blobs = map[blobKey]*knownBlob{}
	}
	key := blobKey{repo.RegistryStr(), dgst}
	b, ok := k.blobs[key]
	if !ok {
		b = &knownBlob{first: make(chan struct{}, 1)}
		k.blobs[key] = b
	}
	return b
}

// lock waits until nobody else makes the blob known for the first time.
func (b *knownBlob) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case b.first <- struct{}{}:
		return func() { <-b.first }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// in reports whether the repository has the blob, and otherwise names one
// that has.
func (b *knownBlob) in(repo name.Repository) (there bool, sibling *name.Repository) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.repos {
		if r.RepositoryStr() == repo.RepositoryStr() {
			return true, nil
		}
		sibling = &r
	}
	return false, sibling
}

func (b *knownBlob) add(repo name.Repository) {
	if there, _ := b.in(repo); there {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.repos = append(b.repos, repo)
}
