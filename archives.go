package stowage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// fetcher has images by their digests: those of the store, and those of
// registries, which are put into the store.
type fetcher struct{ *puller }

var _ executor.Fetcher = fetcher{}

// Fetch is executor.Fetcher's. The store keeps what was fetched under
// repository@digest; what is locked to the digest is there under its tag.
func (f fetcher) Fetch(ctx context.Context, ref, platform string) (ocispec.Descriptor, error) {
	name, tag, dgst, err := splitDigest(ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	kept, locked := name+"@"+dgst.String(), name+":"+tag
	desc, found, err := f.find(ctx, ref, platform)
	if err != nil || found {
		return desc, err
	}
	image, err := f.from.PullImage(ctx, locked, dgst, []string{platform})
	if err == nil {
		err = f.to.PutImage(ctx, kept, image, f.heldOf(image, platform))
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, found, err = f.stored(ctx, kept, dgst, platform)
	if err == nil && !found {
		err = f.otherPlatform(ctx, kept, platform)
	}
	return desc, err
}

// all fetches the images of all archives, for the platforms of their packages.
// It goes on after a fault.
func (f fetcher) all(ctx context.Context, r *planner.Resolved) ([]PulledImage, error) {
	wanted := map[string][]string{}
	for _, p := range r.Packages {
		for _, a := range p.Archives {
			for _, image := range a.Images {
				if image.Package == "" {
					wanted[image.Ref] = append(wanted[image.Ref], p.Platforms...)
				}
			}
		}
	}
	var out []PulledImage
	var faults []error
	for _, ref := range slices.Sorted(maps.Keys(wanted)) {
		image, err := f.one(ctx, ref, wanted[ref])
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", ref, err))
			continue
		}
		out = append(out, image)
	}
	return out, errors.Join(faults...)
}

// one fetches an image for platforms.
func (f fetcher) one(ctx context.Context, ref string, platforms []string) (PulledImage, error) {
	name, _, dgst, err := splitDigest(ref)
	if err != nil {
		return PulledImage{}, err
	}
	slices.Sort(platforms)
	image := PulledImage{Name: name + "@" + dgst.String(), Digest: dgst.String(), Platforms: slices.Compact(platforms), Present: true}
	for _, platform := range image.Platforms {
		_, found, err := f.find(ctx, ref, platform)
		if err == nil && !found {
			image.Present = false
			_, err = f.Fetch(ctx, ref, platform)
		}
		if err != nil {
			return image, err
		}
	}
	return image, nil
}

// heldOf are the platforms that are put into the store: all of a single
// manifest, which is pulled whatever platform is asked for.
func (f fetcher) heldOf(image ocispec.Descriptor, platform string) []string {
	if strings.Contains(image.MediaType, "index") || strings.Contains(image.MediaType, "list") {
		return []string{platform}
	}
	return nil
}

// find looks for the image in the store, under its digest or its tag.
func (f fetcher) find(ctx context.Context, ref, platform string) (desc ocispec.Descriptor, found bool, err error) {
	name, tag, dgst, err := splitDigest(ref)
	if err != nil {
		return desc, false, err
	}
	for _, at := range []string{name + "@" + dgst.String(), name + ":" + tag} {
		if desc, found, err = f.stored(ctx, at, dgst, platform); err != nil || found {
			return desc, found, err
		}
	}
	return desc, false, nil
}

// stored looks for the image in the store.
func (f fetcher) stored(ctx context.Context, at string, dgst digest.Digest, platform string) (desc ocispec.Descriptor, found bool, err error) {
	image, err := f.store.Lookup(ctx, at)
	if err != nil || image == nil || image.Digest != dgst.String() {
		return desc, false, err
	}
	desc, found = image.Manifests[platform]
	return desc, found, nil
}

// otherPlatform says that the image is for other platforms.
func (f fetcher) otherPlatform(ctx context.Context, at, platform string) error {
	image, err := f.store.Lookup(ctx, at)
	if err != nil || image == nil {
		return fmt.Errorf("%s is not in the store any more: %w", at, err)
	}
	var have []string
	for p := range image.Manifests {
		have = append(have, p)
	}
	slices.Sort(have)
	return fmt.Errorf("it is an image for %s, not for %s; name the digest of an index that has both", strings.Join(have, " and "), platform)
}

// splitDigest takes repository[:tag]@digest apart. Without a tag it is latest.
func splitDigest(ref string) (name, tag string, dgst digest.Digest, err error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", "", "", fmt.Errorf("image %q: %w", ref, err)
	}
	pinned, ok := named.(reference.Digested)
	if !ok {
		return "", "", "", fmt.Errorf("image %q has no digest", ref)
	}
	tag = "latest"
	if t, ok := named.(reference.Tagged); ok {
		tag = t.Tag()
	}
	return named.Name(), tag, pinned.Digest(), nil
}

// fetcher is nil where the caller's own parts cannot keep images by digest.
func (w *Workspace) fetcher() executor.Fetcher {
	p, err := w.imagePuller()
	if err != nil {
		return nil
	}
	return fetcher{p}
}
