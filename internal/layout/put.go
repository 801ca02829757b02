package layout

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// PutNode adds a node's image, and the attestations about it, to the index
// under its reference: see executor.Store. All blobs must be in the store.
//
// When the index there was made of other inputs (another hash), the entry
// replaces it wholly: its other platforms are of those inputs too.
func (s *Store) PutNode(ctx context.Context, e executor.NodeEntry) error {
	fail := func(err error) error {
		return fmt.Errorf("put %s for %s into the store: %w", e.Ref, e.Platform, err)
	}
	platform, err := imageindex.ParsePlatform(e.Platform)
	if err != nil {
		return fail(err)
	}
	order, err := imageindex.ParsePlatforms(e.Platforms)
	if err != nil {
		return fail(err)
	}
	if e.Ref == "" {
		return fail(errors.New("the reference is empty"))
	}
	manifests := append([]ocispec.Descriptor{e.Manifest}, e.Attestations...)
	if err := s.pin(ctx, e.Ref, manifests); err != nil {
		return fail(err)
	}
	if err := s.complete(ctx, manifests); err != nil {
		return fail(err)
	}
	_, err = s.apply(ctx, &change{ref: e.Ref, edit: func(_ context.Context, idx *ocispec.Index) error {
		if idx.Annotations[planner.AnnotationHash] != e.Hash {
			*idx = *imageindex.New()
		}
		imageindex.Annotate(idx, map[string]string{planner.AnnotationHash: e.Hash})
		imageindex.Put(idx, platform, e.Manifest, e.Attestations)
		imageindex.Sort(idx, order)
		return nil
	}})
	if err != nil {
		return fail(err)
	}
	return nil
}

// PutIndex orders the index under ref, adds annotations, and returns its
// descriptor: see executor.Store. Every one of platforms must be there with
// all its content. The input hash stays what it was.
func (s *Store) PutIndex(ctx context.Context, ref string, platforms []string, annotations map[string]string) (ocispec.Descriptor, error) {
	fail := func(err error) (ocispec.Descriptor, error) {
		return ocispec.Descriptor{}, fmt.Errorf("write the index of %s into the store: %w", ref, err)
	}
	order, err := imageindex.ParsePlatforms(platforms)
	if err != nil {
		return fail(err)
	}
	desc, err := s.apply(ctx, &change{ref: ref, edit: func(ctx context.Context, idx *ocispec.Index) error {
		if len(idx.Manifests) == 0 {
			return fmt.Errorf("the store has nothing under that reference: %w", errdefs.ErrNotFound)
		}
		for _, p := range order {
			d, ok := imageindex.Find(idx, p)
			if !ok {
				return fmt.Errorf("platform %s is not there: %w", p, errdefs.ErrNotFound)
			}
			if err := s.complete(ctx, []ocispec.Descriptor{d}); err != nil {
				return fmt.Errorf("platform %s: %w", p, err)
			}
		}
		added := maps.Clone(annotations)
		if hash := idx.Annotations[planner.AnnotationHash]; hash != "" {
			delete(added, planner.AnnotationHash)
		}
		imageindex.Annotate(idx, added)
		imageindex.Sort(idx, order)
		return nil
	}})
	if err != nil {
		return fail(err)
	}
	return desc, nil
}
