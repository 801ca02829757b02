package fake

import (
	"context"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

var _ executor.Publisher = (*Registry)(nil)

// Published is executor.Publisher's.
func (r *Registry) Published(ctx context.Context, ref, platform string) (*executor.BuildResult, error) {
	if err := r.begin("published", ref); err != nil {
		return nil, err
	}
	p, err := imageindex.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	idx, err := r.index(ctx, ref+"-"+imageindex.ArchTag(p))
	if err != nil || idx == nil {
		return nil, err
	}
	d, ok := imageindex.Find(idx, imageindex.FormatPlatform(&p))
	if !ok {
		return nil, nil
	}
	return &executor.BuildResult{Manifest: d, Attestations: imageindex.Attestations(idx, d.Digest)}, nil
}

// Pushed is executor.Publisher's, for images without attestations.
func (r *Registry) Pushed(ctx context.Context, ref, platform string, pushed ocispec.Descriptor, keep bool) (*executor.BuildResult, error) {
	if err := r.begin("pushed", ref); err != nil {
		return nil, err
	}
	idx, err := r.indexOfOne(ctx, pushed)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", pushed.Digest, err)
	}
	d := imageindex.Images(idx)[0]
	if got := imageindex.FormatPlatform(d.Platform); got != platform {
		return nil, fmt.Errorf("%s is for %s, not for %s", pushed.Digest, got, platform)
	}
	if keep {
		if first, err := r.Published(ctx, ref, platform); err != nil || first != nil {
			return first, err
		}
		r.point(ref+"-"+imageindex.ArchTag(*d.Platform), d.Digest)
	}
	return &executor.BuildResult{Manifest: d}, nil
}

// Publish is executor.Publisher's.
func (r *Registry) Publish(ctx context.Context, ref, hash string, images []executor.BuildResult, opts executor.PushOptions) (ocispec.Descriptor, error) {
	if err := r.begin("publish", ref); err != nil {
		return ocispec.Descriptor{}, err
	}
	local := imageindex.New()
	imageindex.Annotate(local, map[string]string{planner.AnnotationHash: hash})
	for _, i := range images {
		if _, err := r.children(ctx, i.Manifest); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("publish %s: %w", ref, err)
		}
		imageindex.Put(local, *i.Manifest.Platform, i.Manifest, i.Attestations)
		r.point(ref+"-"+imageindex.ArchTag(*i.Manifest.Platform), i.Manifest.Digest)
	}
	if opts.NoIndex {
		return ocispec.Descriptor{}, nil
	}
	remote, err := r.index(ctx, ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	merged, _, err := imageindex.Merge(remote, local, imageindex.Merging{
		Platforms: opts.Platforms, Overwrite: opts.Overwrite, HashKey: planner.AnnotationHash,
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	data, desc, err := imageindex.Marshal(merged)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	r.put(desc.Digest, data)
	r.point(ref, desc.Digest)
	return desc, nil
}
