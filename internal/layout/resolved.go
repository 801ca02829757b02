package layout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
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

// Records returns the records of resolved hashes in a repository that have made
// image: see executor.NodeFinder. Those that cannot be read are left out.
func (s *Store) Records(ctx context.Context, repository string, image digest.Digest) ([]executor.NodeEntry, error) {
	c, err := s.pinned(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for records of %s in the store: %w", repository, err)
	}
	var found []executor.NodeEntry
	for _, desc := range c.index.Manifests {
		ref := refOf(desc)
		if repositoryOf(ref) != repository+":" || !planner.IsResolvedRef(ref) {
			continue
		}
		idx, err := s.readIndex(ctx, desc)
		if damaged(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s in the store: %w", ref, err)
		}
		for _, d := range imageindex.Images(idx) {
			if d.Digest == image {
				found = append(found, recordOf(ref, idx, d))
			}
		}
	}
	slices.SortFunc(found, func(a, b executor.NodeEntry) int { return strings.Compare(a.Ref, b.Ref) })
	return found, nil
}

func recordOf(ref string, idx *ocispec.Index, image ocispec.Descriptor) executor.NodeEntry {
	platform := imageindex.FormatPlatform(image.Platform)
	return executor.NodeEntry{
		Ref: ref, Hash: idx.Annotations[planner.AnnotationHash], Platform: platform, Platforms: []string{platform},
		BuildResult: executor.BuildResult{Manifest: image, Attestations: imageindex.Attestations(idx, image.Digest)},
	}
}
