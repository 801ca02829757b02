package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// adopt takes images that others have pushed under their own tags, for
// platforms that idx lacks, into what is to be pushed. It reports whether
// there are any.
func (p *pusher) adopt(ctx context.Context, idx *ocispec.Index) (bool, error) {
	client, err := p.pushing(ctx)
	if err != nil {
		return false, err
	}
	local, found := imageindex.Clone(p.local), false
	for _, platform := range p.all {
		if _, ok := imageindex.Find(idx, platform); ok {
			continue
		}
		single, err := p.single(ctx, client, p.tag, platform)
		if err != nil {
			return false, err
		}
		if single == nil {
			continue
		}
		found = true
		d, _ := imageindex.Find(single, platform)
		imageindex.Put(local, *d.Platform, d, imageindex.Attestations(single, d.Digest))
		p.done[d.Digest] = true
		if len(p.merging.Platforms) > 0 {
			p.merging.Platforms = append(p.merging.Platforms, platform)
		}
	}
	p.local = local
	return found, nil
}

// single reads what is under a platform's own tag, nil when that is nothing or
// not for the platform.
func (r *repository) single(ctx context.Context, client *http.Client, tag, platform string) (*ocispec.Index, error) {
	parsed, err := imageindex.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	_, idx, err := r.index(ctx, client, tag+"-"+imageindex.ArchTag(parsed))
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if _, ok := imageindex.Find(idx, platform); !ok {
		return nil, nil
	}
	return idx, nil
}

// imageWith pushes an image and what is about it, and an index of them under
// the tag: there will be no other.
func (p *pusher) imageWith(ctx context.Context, tag string, d ocispec.Descriptor, about []ocispec.Descriptor) error {
	for _, m := range append([]ocispec.Descriptor{d}, about...) {
		if err := p.manifest(ctx, m.Digest.String(), m); err != nil {
			return err
		}
	}
	idx := imageindex.New()
	imageindex.Annotate(idx, p.local.Annotations)
	imageindex.Put(idx, *d.Platform, d, about)
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return err
	}
	client, err := p.pushing(ctx)
	if err != nil {
		return err
	}
	return p.put(ctx, client, tag, &manifest{Descriptor: desc, bytes: data})
}

// MissingPlatformsError says that an index cannot be put together.
type MissingPlatformsError struct {
	Ref       string
	Platforms []string
}

func (e *MissingPlatformsError) Error() string {
	return fmt.Sprintf("%s has no image for %s: neither its index nor a tag of that platform's own has one; push it first", e.Ref, strings.Join(e.Platforms, ", "))
}

// Assembly says how an index is put together.
type Assembly struct {
	// Platforms are all of the package's, which decides their order; Only are
	// those that must be there, none meaning all.
	Platforms, Only []string
	// Overwrite puts what is under the platforms' own tags in the place of what
	// the index has already.
	Overwrite bool
}

// Assemble writes the index under ref from the images under the platforms' own
// tags, and from the index that is there already if it is of the same input
// hash. Every platform asked for must be there: what is not is a
// *MissingPlatformsError, and nothing is written.
func (r *Registry) Assemble(ctx context.Context, ref, hash string, how Assembly) (ocispec.Descriptor, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := r.assemble(ctx, tag, hash, how)
	if err != nil {
		return ocispec.Descriptor{}, fail("put together the index of", tag, err)
	}
	return desc, nil
}

func (r *Registry) assemble(ctx context.Context, tag name.Tag, hash string, how Assembly) (ocispec.Descriptor, error) {
	order, err := imageindex.ParsePlatforms(how.Platforms)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	asked := order
	if len(how.Only) > 0 {
		if asked, err = imageindex.ParsePlatforms(how.Only); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	local := imageindex.New()
	imageindex.Annotate(local, map[string]string{planner.AnnotationHash: hash})
	p := &pusher{
		repository: r.repository(tag.Repository), tag: tag.TagStr(), local: local, all: asked,
		merging: imageindex.Merging{HashKey: planner.AnnotationHash, Order: order, Overwrite: how.Overwrite}, done: map[digest.Digest]bool{},
	}
	if _, err := p.adopt(ctx, imageindex.New()); err != nil {
		return ocispec.Descriptor{}, err
	}
	remote, err := p.remote(ctx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	merged, _, err := imageindex.Merge(remote.index, p.local, p.merging)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var missing []string
	for _, platform := range asked {
		if _, ok := imageindex.Find(merged, platform); !ok {
			missing = append(missing, platform)
		}
	}
	if len(missing) > 0 {
		return ocispec.Descriptor{}, &MissingPlatformsError{Ref: tag.String(), Platforms: missing}
	}
	p.merging.Platforms = asked
	return p.run(ctx)
}
