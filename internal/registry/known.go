package registry

import (
	"context"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
)

// known remembers which repositories have which blobs, so that they are
// neither asked for nor sent twice, and can be mounted, and what was seen of
// their manifests.
type known struct {
	mu    sync.Mutex
	blobs map[blobKey]*knownBlob
	// absent are tags that were looked up and not there; written are digests
	// of manifests that were written.
	absent, written map[string]bool
}

// noteAbsent notes that a repository does not have a tag.
func (k *known) noteAbsent(repo name.Repository, tag string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.absent == nil {
		k.absent = map[string]bool{}
	}
	k.absent[repo.Tag(tag).Name()] = true
}

// takeAbsent reports, once, whether a tag was not there when it was last looked
// up: it need not be asked for again before it is written, unless it is to be
// merged with.
func (k *known) takeAbsent(repo name.Repository, tag string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := repo.Tag(tag).Name()
	was := k.absent[key]
	delete(k.absent, key)
	return was
}

func (k *known) noteWritten(repo name.Repository, dgst digest.Digest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.written == nil {
		k.written = map[string]bool{}
	}
	k.written[repo.Digest(dgst.String()).Name()] = true
}

// hasWritten reports whether a manifest was written to a repository.
func (k *known) hasWritten(repo name.Repository, dgst digest.Digest) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.written[repo.Digest(dgst.String()).Name()]
}

// blobKey is a blob on a host: across hosts nothing is shared.
type blobKey struct {
	host   string
	digest digest.Digest
}

// knownBlob is where a blob is.
type knownBlob struct {
	// first is the turn of whoever makes the first repository have the blob.
	// The others wait and mount it from there.
	first turn

	mu    sync.Mutex
	repos []name.Repository
	turns map[string]turn
}

// turn is a lock that can be waited for with a context.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) (giveBack func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
		b = &knownBlob{first: newTurn(), turns: map[string]turn{}}
		k.blobs[key] = b
	}
	return b
}

// ensure has the repository have the blob: send does that, from a sibling
// repository that has it when one is known. It is called once for a blob and
// a repository at a time, and while no repository is known to have the blob
// once altogether.
func (b *knownBlob) ensure(ctx context.Context, repo name.Repository, send func(sibling *name.Repository) error) error {
	giveBack, err := b.turn(repo).take(ctx)
	if err != nil {
		return err
	}
	defer giveBack()
	there, sibling := b.in(repo)
	if there {
		return nil
	}
	if sibling == nil {
		giveBack, err := b.first.take(ctx)
		if err != nil {
			return err
		}
		defer giveBack()
		_, sibling = b.in(repo)
	}
	if err := send(sibling); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.repos = append(b.repos, repo)
	return nil
}

// turn is that of whoever makes the repository have the blob.
func (b *knownBlob) turn(repo name.Repository) turn {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.turns[repo.RepositoryStr()]
	if !ok {
		t = newTurn()
		b.turns[repo.RepositoryStr()] = t
	}
	return t
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

// forget takes back that the repository has the blob.
func (b *knownBlob) forget(repo name.Repository) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.repos = slices.DeleteFunc(b.repos, func(r name.Repository) bool { return r.RepositoryStr() == repo.RepositoryStr() })
}
