package layout

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// FindNode returns the image for platform that is under ref, with the
// attestations about it: see executor.NodeFinder. What is not all there is
// nothing.
func (s *Store) FindNode(ctx context.Context, ref, hash, platform string) (*executor.BuildResult, error) {
	result, err := s.findNode(ctx, ref, hash, platform)
	if damaged(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for %s in the store: %w", ref, err)
	}
	return result, nil
}

func (s *Store) findNode(ctx context.Context, ref, hash, platform string) (*executor.BuildResult, error) {
	idx, err := s.Index(ctx, ref)
	if err != nil || idx.Annotations[planner.AnnotationHash] != hash {
		return nil, err
	}
	image, ok := imageindex.Find(idx, platform)
	if !ok {
		return nil, fmt.Errorf("platform %s: %w", platform, errdefs.ErrNotFound)
	}
	result := &executor.BuildResult{Manifest: image, Attestations: imageindex.Attestations(idx, image.Digest)}
	return result, s.complete(ctx, append([]ocispec.Descriptor{image}, result.Attestations...))
}
