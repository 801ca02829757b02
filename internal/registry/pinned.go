package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// PullImage copies what has the digest in ref's repository into the store's
// content, byte for byte, and returns its descriptor. Of an index that is the
// index itself, the images for platforms (none is all), and the attestations
// about them; of a single manifest all that it refers to, whatever platforms
// says. Mirrors are asked first, and blobs that the store has are not fetched.
// What is missing is an error that wraps errdefs.ErrNotFound.
func (r *Registry) PullImage(ctx context.Context, ref string, dgst digest.Digest, platforms []string) (ocispec.Descriptor, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if r.store == nil {
		return ocispec.Descriptor{}, fail("pull", tag, errNoStore)
	}
	p := &puller{origin: r.repository(tag.Repository), mirrors: r.mirrors(tag.Repository), to: r.store.Content()}
	desc, err := p.pinned(ctx, dgst, platforms)
	return desc, fail("pull", tag, err)
}

// pinned copies what has a digest. The index comes last, so that it stands for
// the images that were asked for.
func (p *puller) pinned(ctx context.Context, dgst digest.Digest, platforms []string) (ocispec.Descriptor, error) {
	if err := dgst.Validate(); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("digest %q: %w", dgst, err)
	}
	data, err := p.manifest(ctx, ocispec.Descriptor{Digest: dgst})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := describe(data)
	if err != nil {
		return desc, err
	}
	if imageindex.IsManifest(desc.MediaType) {
		return desc, p.image(ctx, desc)
	}
	idx, err := imageindex.Parse(data)
	if err != nil {
		return desc, err
	}
	images, err := chosen(idx, platforms)
	if err != nil {
		return desc, err
	}
	for _, image := range images {
		for _, d := range append([]ocispec.Descriptor{image}, imageindex.Attestations(idx, image.Digest)...) {
			if err := p.image(ctx, d); err != nil {
				return desc, err
			}
		}
	}
	return desc, p.write(ctx, desc, data)
}

// describe finds out what the bytes of a manifest or index are. OCI's media
// types need not be in them.
func describe(data []byte) (ocispec.Descriptor, error) {
	desc := ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}
	var content struct {
		MediaType string          `json:"mediaType"`
		Manifests json.RawMessage `json:"manifests"`
		Config    json.RawMessage `json:"config"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return desc, fmt.Errorf("parse manifest %s: %w", desc.Digest, err)
	}
	desc.MediaType = content.MediaType
	switch {
	case desc.MediaType == "" && content.Manifests != nil:
		desc.MediaType = ocispec.MediaTypeImageIndex
	case desc.MediaType == "" && content.Config != nil:
		desc.MediaType = ocispec.MediaTypeImageManifest
	}
	if !imageindex.IsIndex(desc.MediaType) && !imageindex.IsManifest(desc.MediaType) {
		return desc, fmt.Errorf("%s is no image: media type %q", desc.Digest, desc.MediaType)
	}
	return desc, nil
}

// chosen returns the images for platforms; none is all.
func chosen(idx *ocispec.Index, platforms []string) ([]ocispec.Descriptor, error) {
	wanted, err := imageindex.ParsePlatforms(platforms)
	if err != nil {
		return nil, err
	}
	for _, p := range wanted {
		if _, ok := imageindex.Find(idx, p); !ok {
			return nil, fmt.Errorf("the index has no image for platform %s: %w", p, errdefs.ErrNotFound)
		}
	}
	images := imageindex.Images(idx)
	if len(wanted) == 0 {
		return images, nil
	}
	return slices.DeleteFunc(images, func(d ocispec.Descriptor) bool {
		return !slices.Contains(wanted, imageindex.FormatPlatform(d.Platform))
	}), nil
}
