package registry

import (
	"context"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

var _ executor.ResolvedPusher = (*Registry)(nil)

// PushResolved writes the record of a resolved hash: see executor.ResolvedPusher.
// It takes one request if the tag is there, and otherwise two at most and one
// for each manifest that the record names and that this program has not written.
func (r *Registry) PushResolved(ctx context.Context, entry executor.NodeEntry) error {
	tag, err := r.parse(entry.Ref)
	if err != nil {
		return err
	}
	return fail("push", tag, r.repository(tag.Repository).pushResolved(ctx, tag, entry))
}

func (r *repository) pushResolved(ctx context.Context, tag name.Tag, entry executor.NodeEntry) error {
	platform, err := imageindex.ParsePlatform(entry.Platform)
	if err != nil {
		return err
	}
	idx := imageindex.New()
	imageindex.Annotate(idx, map[string]string{planner.AnnotationHash: entry.Hash})
	imageindex.Put(idx, platform, entry.Manifest, entry.Attestations)
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return err
	}
	client, err := r.pushing(ctx)
	if err != nil {
		return err
	}
	if !r.known.takeAbsent(r.name, tag.TagStr()) {
		if there, err := r.has(ctx, client, tag.TagStr()); there || err != nil {
			return err
		}
	}
	for _, d := range idx.Manifests {
		if r.known.hasWritten(r.name, d.Digest) {
			continue
		}
		if there, err := r.has(ctx, client, d.Digest.String()); !there || err != nil {
			return err
		}
	}
	return r.put(ctx, client, tag.TagStr(), &manifest{Descriptor: desc, bytes: data})
}
