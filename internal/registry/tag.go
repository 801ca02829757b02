package registry

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"
)

// Tag makes tag, in ref's repository, point at what ref points at: see
// executor.Registry. When it does so already nothing is written. A ref that
// is not there is an error that wraps errdefs.ErrNotFound.
func (r *Registry) Tag(ctx context.Context, ref, tag string) error {
	from, err := r.parse(ref)
	if err != nil {
		return err
	}
	to, err := r.parse(from.Context().Name() + ":" + tag)
	if err != nil {
		return err
	}
	return fail("tag", to, r.tag(ctx, from, to))
}

func (r *Registry) tag(ctx context.Context, from, to name.Tag) error {
	repo := r.repository(from.Repository)
	client, err := repo.pushing(ctx)
	if err != nil {
		return err
	}
	m, err := repo.get(ctx, client, from.TagStr())
	if err != nil {
		return err
	}
	there, err := repo.head(ctx, client, to.TagStr())
	if err != nil || there == m.Digest {
		return err
	}
	return repo.put(ctx, client, to.TagStr(), m)
}
