package registry

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// PushResolved writes the index that the store has under ref, the record of a
// resolved hash: see executor.ResolvedPusher. Nothing is written when the tag is
// there, or when a manifest that the index names is not in the repository, as
// when the registry had another image already. It takes one request if the tag is
// there, and otherwise two and one for each manifest.
func (r *Registry) PushResolved(ctx context.Context, ref string) error {
	tag, err := r.parse(ref)
	if err != nil {
		return err
	}
	return fail("push", tag, r.pushResolved(ctx, tag, ref))
}

func (r *Registry) pushResolved(ctx context.Context, tag name.Tag, ref string) error {
	if r.store == nil {
		return errNoStore
	}
	idx, err := r.store.Index(ctx, ref)
	if err != nil {
		return err
	}
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return err
	}
	repo := r.repository(tag.Repository)
	client, err := repo.pushing(ctx)
	if err != nil {
		return err
	}
	there, err := repo.has(ctx, client, tag.TagStr())
	if there || err != nil {
		return err
	}
	for _, d := range idx.Manifests {
		if there, err := repo.has(ctx, client, d.Digest.String()); !there || err != nil {
			return err
		}
	}
	return repo.put(ctx, client, tag.TagStr(), &manifest{Descriptor: desc, bytes: data})
}
