package dockerd

import (
	"context"
	"fmt"
	"io"
	"maps"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// writeArchive writes an image, under one tag, as an archive that every engine
// reads: Docker the manifest.json of docker save, Docker with containerd's
// image store and Podman the OCI layout that it is as well. Podman takes an
// image's whole name from the OCI annotation, so the tag alone would not do.
func writeArchive(ctx context.Context, w io.Writer, store content.InfoReaderProvider, image ocispec.Descriptor, tag string) error {
	image.Annotations = maps.Clone(image.Annotations)
	if image.Annotations == nil {
		image.Annotations = map[string]string{}
	}
	image.Annotations[images.AnnotationImageName] = tag
	image.Annotations[ocispec.AnnotationRefName] = tag
	if err := archive.Export(ctx, unlabelled{store}, w, archive.WithManifest(image)); err != nil {
		return fmt.Errorf("read %s from the store: %w", image.Digest, err)
	}
	return nil
}

// unlabelled keeps what a store remembers of blobs out of archives.
type unlabelled struct{ content.InfoReaderProvider }

// Info is the store's, without labels.
func (u unlabelled) Info(ctx context.Context, dgst digest.Digest) (content.Info, error) {
	info, err := u.InfoReaderProvider.Info(ctx, dgst)
	info.Labels = nil
	return info, err
}
