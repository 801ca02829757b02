package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

var _ executor.Publisher = (*Registry)(nil)

// Published returns what is under the platform's own tag: see
// executor.Publisher. The registry is asked for every blob of it, since nothing
// else is going to: an image that lacks one is none.
func (r *Registry) Published(ctx context.Context, ref, platform string) (*executor.BuildResult, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	res, err := r.repository(tag.Repository).published(ctx, tag.TagStr(), platform)
	if err != nil {
		return nil, fail("look up", tag, err)
	}
	return res, nil
}

func (r *repository) published(ctx context.Context, tag, platform string) (*executor.BuildResult, error) {
	client, err := r.pushing(ctx)
	if err != nil {
		return nil, err
	}
	idx, err := r.single(ctx, client, tag, platform)
	if err != nil || idx == nil {
		return nil, err
	}
	res, err := resultOf(idx, platform)
	if err != nil {
		return nil, err
	}
	if lacks, err := r.lacks(ctx, client, res); err != nil || lacks != "" {
		return nil, err
	}
	return res, nil
}

// lacks names a manifest of an image, or about it, that the repository does not
// have with all its blobs; "" is none.
func (r *repository) lacks(ctx context.Context, client *http.Client, res *executor.BuildResult) (digest.Digest, error) {
	for _, d := range append([]ocispec.Descriptor{res.Manifest}, res.Attestations...) {
		if complete, err := r.complete(ctx, client, d); err != nil || !complete {
			return d.Digest, err
		}
	}
	return "", nil
}

// complete reports whether the repository has a manifest and its blobs.
func (r *repository) complete(ctx context.Context, client *http.Client, d ocispec.Descriptor) (bool, error) {
	m, err := r.get(ctx, client, d.Digest.String())
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var image ocispec.Manifest
	if err := json.Unmarshal(m.bytes, &image); err != nil {
		return false, fmt.Errorf("parse manifest %s: %w", d.Digest, err)
	}
	for _, blob := range append([]ocispec.Descriptor{image.Config}, image.Layers...) {
		if there, err := r.hasBlob(ctx, client, blob.Digest); err != nil || !there {
			return false, err
		}
	}
	return true, nil
}

// resultOf is an index's image for the platform and what is about it.
func resultOf(idx *ocispec.Index, platform string) (*executor.BuildResult, error) {
	order, err := imageindex.ParsePlatforms([]string{platform})
	if err != nil {
		return nil, err
	}
	d, ok := imageindex.Find(idx, order[0])
	if !ok {
		return nil, fmt.Errorf("it is for %v and not for %s", imageindex.Platforms(idx), platform)
	}
	return &executor.BuildResult{Manifest: d, Attestations: imageindex.Attestations(idx, d.Digest)}, nil
}

// Pushed reads what a builder has pushed by its digest: see executor.Publisher.
// What it says that it has pushed and the registry does not have, or not whole,
// is a transient fault: it is better pushed again.
func (r *Registry) Pushed(ctx context.Context, ref, platform string, pushed ocispec.Descriptor, keep bool) (*executor.BuildResult, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	res, err := r.repository(tag.Repository).pushed(ctx, tag.TagStr(), platform, pushed, keep)
	switch {
	case errors.Is(err, errdefs.ErrNotFound) || blobUnknown(err):
		return nil, &lostPushError{fail("find what the builder pushed for", tag, err)}
	case err != nil:
		return nil, fail("find what the builder pushed for", tag, err)
	}
	return res, nil
}

func (r *repository) pushed(ctx context.Context, tag, platform string, pushed ocispec.Descriptor, keep bool) (*executor.BuildResult, error) {
	client, err := r.pushing(ctx)
	if err != nil {
		return nil, err
	}
	m, err := r.get(ctx, client, pushed.Digest.String())
	if err != nil {
		return nil, err
	}
	idx, err := r.indexOf(ctx, client, m)
	if err != nil {
		return nil, err
	}
	res, err := resultOf(idx, platform)
	if err != nil {
		return nil, err
	}
	lacks, err := r.lacks(ctx, client, res)
	switch {
	case err != nil:
		return nil, err
	case lacks != "":
		return nil, fmt.Errorf("manifest %s is not there with all its blobs: %w", lacks, errdefs.ErrNotFound)
	case !keep:
		return res, nil
	}
	if first, err := r.published(ctx, tag, platform); err != nil || first != nil {
		return first, err
	}
	parsed, err := imageindex.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	return res, r.put(ctx, client, tag+"-"+imageindex.ArchTag(parsed), m)
}

// lostPushError is an image that a builder has pushed and the registry lacks.
type lostPushError struct{ err error }

func (e *lostPushError) Error() string   { return "the registry has lost some of it: " + e.err.Error() }
func (e *lostPushError) Unwrap() error   { return e.err }
func (e *lostPushError) Temporary() bool { return true }

// Publish writes tags and the index of images that the repository has: see
// executor.Publisher. It does so by the rules of Push, and sends manifests only.
func (r *Registry) Publish(ctx context.Context, ref, hash string, images []executor.BuildResult, opts executor.PushOptions) (ocispec.Descriptor, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := r.publish(ctx, tag, hash, images, opts)
	if err != nil {
		return ocispec.Descriptor{}, fail("push", tag, err)
	}
	return desc, nil
}

func (r *Registry) publish(ctx context.Context, tag name.Tag, hash string, images []executor.BuildResult, opts executor.PushOptions) (ocispec.Descriptor, error) {
	order, err := imageindex.ParsePlatforms(opts.Platforms)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	p := &pusher{
		repository: r.repository(tag.Repository), tag: tag.TagStr(), local: imageindex.New(), alone: opts.NoIndex,
		merging: imageindex.Merging{Platforms: order, Overwrite: opts.Overwrite, HashKey: planner.AnnotationHash},
		done:    map[digest.Digest]bool{},
	}
	if p.merging.Order, err = imageindex.ParsePlatforms(opts.All); err != nil {
		return ocispec.Descriptor{}, err
	}
	if !opts.Overwrite {
		p.all = p.merging.Order
	}
	imageindex.Annotate(p.local, map[string]string{planner.AnnotationHash: hash})
	for _, i := range images {
		if i.Manifest.Platform == nil {
			return ocispec.Descriptor{}, fmt.Errorf("image %s has no platform", i.Manifest.Digest)
		}
		imageindex.Put(p.local, *i.Manifest.Platform, i.Manifest, i.Attestations)
	}
	if p.alone {
		return ocispec.Descriptor{}, p.images(ctx, p.chosen(order))
	}
	return p.run(ctx)
}

// point makes id stand for a manifest that the repository has.
func (p *pusher) point(ctx context.Context, id string, d ocispec.Descriptor) error {
	client, err := p.pushing(ctx)
	if err != nil {
		return err
	}
	m, err := p.get(ctx, client, d.Digest.String())
	if err != nil || id == d.Digest.String() {
		return err
	}
	return p.put(ctx, client, id, m)
}
