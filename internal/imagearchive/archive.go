package imagearchive

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/images/archive"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Format is the form of an archive.
type Format string

// The formats.
const (
	// Docker is what docker save writes: manifest.json and blobs.
	Docker Format = "docker"
	// OCI is an OCI image layout in a tar file.
	OCI Format = "oci"
	// Both is an OCI layout that has Docker's manifest.json as well, which any
	// engine reads. It holds one image.
	Both Format = "both"
)

// Image is one image of an archive.
type Image struct {
	// Name is the reference that it goes by: with a tag, a digest or both.
	Name string
	// Manifest is the image manifest.
	Manifest ocispec.Descriptor
}

// Write writes an archive. What is read from the store is checked against its
// digest; after an error w has a part of an archive.
func Write(ctx context.Context, w io.Writer, store content.InfoReaderProvider, format Format, list []Image) error {
	switch format {
	case Docker:
		return writeDocker(ctx, w, store, list)
	case OCI:
		return writeLayout(ctx, w, store, list, archive.WithSkipDockerManifest())
	case Both:
		if len(list) != 1 {
			return fmt.Errorf("an archive for any engine holds one image, not %d", len(list))
		}
		return writeLayout(ctx, w, store, list)
	}
	return fmt.Errorf("there is no archive format %q", format)
}

// writeLayout writes an OCI layout. Podman takes an image's whole name from
// the OCI annotation, so the tag alone, which others put there, would not do.
func writeLayout(ctx context.Context, w io.Writer, store content.InfoReaderProvider, list []Image, opts ...archive.ExportOpt) error {
	for _, image := range list {
		desc := ocispec.Descriptor{
			MediaType: image.Manifest.MediaType, Digest: image.Manifest.Digest, Size: image.Manifest.Size, Platform: image.Manifest.Platform,
			Annotations: map[string]string{images.AnnotationImageName: image.Name, ocispec.AnnotationRefName: image.Name},
		}
		opts = append(opts, archive.WithManifest(desc))
	}
	return archive.Export(ctx, unlabelled{store}, w, opts...)
}

// unlabelled keeps what a store remembers of blobs out of archives.
type unlabelled struct{ content.InfoReaderProvider }

// Info is the store's, without labels.
func (u unlabelled) Info(ctx context.Context, dgst digest.Digest) (content.Info, error) {
	info, err := u.InfoReaderProvider.Info(ctx, dgst)
	info.Labels = nil
	return info, err
}

// dockerImage is an image in manifest.json: see the image tarball format of
// Docker's image specification.
type dockerImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// writeDocker writes what docker save does, with layers as they are in the
// store: docker load reads compressed ones too.
func writeDocker(ctx context.Context, w io.Writer, store content.Provider, list []Image) error {
	var index []dockerImage
	var blobs []ocispec.Descriptor
	for _, image := range list {
		data, err := content.ReadBlob(ctx, store, image.Manifest)
		if err != nil {
			return fmt.Errorf("read the manifest of %s: %w", image.Name, err)
		}
		var m ocispec.Manifest
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("read the manifest of %s: %w", image.Name, err)
		}
		item := dockerImage{Config: blobName(m.Config.Digest), RepoTags: repoTags(image.Name), Layers: []string{}}
		for _, layer := range m.Layers {
			item.Layers = append(item.Layers, blobName(layer.Digest))
		}
		index = append(index, item)
		blobs = append(append(blobs, m.Config), m.Layers...)
	}
	data, err := json.Marshal(index)
	if err != nil {
		return err
	}
	t := tar.NewWriter(w)
	if err := t.WriteHeader(header("manifest.json", int64(len(data)))); err != nil {
		return err
	}
	if _, err := t.Write(data); err != nil {
		return err
	}
	written := map[digest.Digest]bool{}
	for _, desc := range blobs {
		if written[desc.Digest] {
			continue
		}
		written[desc.Digest] = true
		if err := writeBlob(ctx, t, store, desc); err != nil {
			return err
		}
	}
	return t.Close()
}

// repoTags is the name as docker save has it: familiar, and none for an image
// that goes by its digest alone.
func repoTags(name string) []string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return nil
	}
	return []string{reference.FamiliarName(named) + ":" + tagged.Tag()}
}

// blobName is where a blob is in an archive.
func blobName(dgst digest.Digest) string {
	return path.Join(ocispec.ImageBlobsDir, dgst.Algorithm().String(), dgst.Encoded())
}

// header begins a file: all have the same mode and time.
func header(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o444}
}

func writeBlob(ctx context.Context, t *tar.Writer, store content.Provider, desc ocispec.Descriptor) error {
	ra, err := store.ReaderAt(ctx, desc)
	if err != nil {
		return fmt.Errorf("read blob %s: %w", desc.Digest, err)
	}
	defer ra.Close()
	if err := t.WriteHeader(header(blobName(desc.Digest), ra.Size())); err != nil {
		return err
	}
	digester := desc.Digest.Algorithm().Digester()
	if _, err := io.Copy(io.MultiWriter(t, digester.Hash()), content.NewReader(ra)); err != nil {
		return fmt.Errorf("copy blob %s: %w", desc.Digest, err)
	}
	if got := digester.Digest(); got != desc.Digest {
		return fmt.Errorf("blob %s has content %s", desc.Digest, got)
	}
	return nil
}
