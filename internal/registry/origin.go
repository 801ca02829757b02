package registry

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
)

// origins is what a Store may be besides: one that knows which images have a
// layer.
type origins interface {
	// Origins returns references of images that have the layer and at most so
	// many layers, those with the fewest first. It is a hint.
	Origins(ctx context.Context, layer digest.Digest, layers int) ([]string, error)
}

// origin returns another repository of the host that may have a layer because
// an earlier run has pushed it there, nil when none is known. The store has the
// image, so it was probably pushed from here; when it was not, asking to mount
// from there begins an upload, which takes no more requests than beginning one.
//
// Only images with no more layers than this one come into question: those that
// it may be built on. Those built on it are pushed after it.
func (p *pusher) origin(ctx context.Context, layer digest.Digest, layers int) *name.Repository {
	if p.origins == nil {
		return nil
	}
	refs, err := p.origins.Origins(ctx, layer, layers)
	if err != nil {
		return nil // the upload will say what is wrong with the store
	}
	for _, ref := range refs {
		tag, err := name.NewTag(ref)
		if err == nil && tag.RegistryStr() == p.name.RegistryStr() && tag.RepositoryStr() != p.name.RepositoryStr() {
			sibling := p.name.Registry.Repo(tag.RepositoryStr())
			return &sibling
		}
	}
	return nil
}
