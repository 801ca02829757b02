package layout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// annotationHeld is the annotation, on an entry of index.json, with the
// platforms of the index that the store is to have: normalised, sorted, with
// commas between them. Without it these are all.
//
// Such an index keeps the digest that it has elsewhere, and names manifests
// that are not in the layout, as the image layout specification permits (blobs
// "MAY be missing", then "fulfilled by an external blob store").
const annotationHeld = "build.stowage.platforms"

// PutImage makes ref stand for an index, or a single manifest, as others have
// made it: desc and the images for platforms must be in the store's content.
// No platforms is all that the index has. Platforms of the same index that the
// store has already under ref are kept.
//
// What is not there is an error that wraps errdefs.ErrNotFound.
func (s *Store) PutImage(ctx context.Context, ref string, desc ocispec.Descriptor, platforms []string) error {
	held, err := s.pinImage(ctx, ref, desc, platforms)
	if err == nil {
		_, err = s.apply(ctx, &change{ref: ref, put: func(old ocispec.Descriptor) ocispec.Descriptor {
			return imageEntry(ref, desc, held, old)
		}})
	}
	if err != nil {
		return fmt.Errorf("put %s into the store: %w", ref, err)
	}
	return nil
}

// pinImage is checkImage of what is pinned first.
func (s *Store) pinImage(ctx context.Context, ref string, desc ocispec.Descriptor, platforms []string) ([]string, error) {
	if err := s.pin(ctx, ref, []ocispec.Descriptor{desc}); err != nil {
		return nil, err
	}
	return s.checkImage(ctx, desc, platforms)
}

// checkImage returns the platforms to note down, none when all is there.
func (s *Store) checkImage(ctx context.Context, desc ocispec.Descriptor, platforms []string) ([]string, error) {
	wanted, err := imageindex.ParsePlatforms(platforms)
	if err != nil {
		return nil, err
	}
	desc.Annotations = nil
	idx, err := s.readIndex(ctx, desc)
	if err != nil {
		return nil, err
	}
	s.markUsed(desc)
	have := imageindex.Platforms(idx)
	for _, p := range wanted {
		if !slices.Contains(have, p) {
			return nil, fmt.Errorf("the index has no platform %s: %w", p, errdefs.ErrNotFound)
		}
	}
	if len(wanted) == 0 {
		wanted = have
	}
	slices.Sort(wanted)
	wanted = slices.Compact(wanted)
	whole := len(idx.Manifests)
	keep(idx, wanted)
	if err := s.complete(ctx, idx.Manifests); err != nil {
		return nil, err
	}
	if len(idx.Manifests) == whole {
		return nil, nil
	}
	return wanted, nil
}

// imageEntry is the entry of index.json.
func imageEntry(ref string, desc ocispec.Descriptor, held []string, old ocispec.Descriptor) ocispec.Descriptor {
	entry := ocispec.Descriptor{
		MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size,
		Annotations: map[string]string{ocispec.AnnotationRefName: ref},
	}
	if old.Digest == desc.Digest && len(held) > 0 {
		before := heldPlatforms(old)
		if len(before) == 0 {
			return entry
		}
		held = append(held, before...)
	}
	if len(held) > 0 {
		slices.Sort(held)
		entry.Annotations[annotationHeld] = strings.Join(slices.Compact(held), ",")
	}
	return entry
}

// heldPlatforms are those that an entry of index.json says the store is to
// have; none is all.
func heldPlatforms(desc ocispec.Descriptor) []string {
	if text := desc.Annotations[annotationHeld]; text != "" {
		return strings.Split(text, ",")
	}
	return nil
}

// keepHeld removes what the entry desc says the store is not to have.
func keepHeld(idx *ocispec.Index, desc ocispec.Descriptor) {
	if held := heldPlatforms(desc); len(held) > 0 {
		keep(idx, held)
	}
}

// keep removes from idx all but the images for platforms and the attestations
// about them.
func keep(idx *ocispec.Index, platforms []string) {
	kept := map[string]bool{}
	for _, d := range imageindex.Images(idx) {
		if slices.Contains(platforms, imageindex.FormatPlatform(d.Platform)) {
			kept[d.Digest.String()] = true
		}
	}
	idx.Manifests = slices.DeleteFunc(idx.Manifests, func(d ocispec.Descriptor) bool {
		if imageindex.IsAttestation(d) {
			return !kept[d.Annotations[imageindex.AnnotationReferenceDigest]]
		}
		return !slices.Contains(platforms, imageindex.FormatPlatform(d.Platform))
	})
}
