package executor

import (
	"context"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// archives finds the images of a build's archives: those of the workspace as
// this run built, pulled or found them, others by their digests.
func (w *worker) archives(ctx context.Context, t *task) ([]Archive, error) {
	var out []Archive
	for _, spec := range t.spec.Archives {
		a := Archive{Path: spec.Path, Format: spec.Format}
		for _, image := range spec.Images {
			desc, err := w.archived(ctx, image, t.step.Platform)
			if err != nil {
				return nil, fmt.Errorf("archive %s: %s: %w", spec.Path, image.Ref, err)
			}
			a.Images = append(a.Images, NamedImage{Name: image.Ref, Platform: t.step.Platform, Descriptor: desc})
		}
		out = append(out, a)
	}
	return out, nil
}

func (w *worker) archived(ctx context.Context, image ArchiveImage, platform string) (ocispec.Descriptor, error) {
	if image.Package != "" {
		return w.image(ctx, node{image.Package, platform})
	}
	return w.ports.Fetcher.Fetch(ctx, image.Ref, platform)
}

// fetches reports whether the build needs images by their digests.
func (s *BuildSpec) fetches() bool {
	for _, a := range s.Archives {
		for _, image := range a.Images {
			if image.Package == "" {
				return true
			}
		}
	}
	return false
}
