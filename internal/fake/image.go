package fake

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// BlobWriter takes the blobs of an image.
type BlobWriter interface {
	WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error
}

// ImageSpec says what image WriteImage makes. The same spec gives the same
// digests.
type ImageSpec struct {
	// Platform is os/arch[/variant].
	Platform string
	// Layers are layers of one file each, with this text in it.
	Layers []string
	// Attestation, when not empty, is the text of a provenance attestation.
	Attestation string
}

// WriteImage writes a small but genuine image, with its attestation, and
// returns what a builder would.
func WriteImage(ctx context.Context, w BlobWriter, spec ImageSpec) (*executor.BuildResult, error) {
	platform, err := imageindex.ParsePlatform(spec.Platform)
	if err != nil {
		return nil, err
	}
	image := &imageWriter{ctx: ctx, w: w}
	config := ocispec.Image{Platform: platform, RootFS: ocispec.RootFS{Type: "layers"}}
	manifest := newManifest()
	for _, text := range spec.Layers {
		layer := image.write(ocispec.MediaTypeImageLayer, layerTar(text))
		manifest.Layers = append(manifest.Layers, layer)
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.Digest)
	}
	manifest.Config = image.json(ocispec.MediaTypeImageConfig, config)
	result := &executor.BuildResult{Manifest: image.json(ocispec.MediaTypeImageManifest, manifest)}
	result.Manifest.Platform = &platform
	if spec.Attestation != "" {
		result.Attestations = []ocispec.Descriptor{image.attestation(spec.Attestation, result.Manifest)}
	}
	if image.err != nil {
		return nil, fmt.Errorf("write image for %s: %w", spec.Platform, image.err)
	}
	return result, nil
}

// imageWriter writes blobs until one fails.
type imageWriter struct {
	ctx context.Context
	w   BlobWriter
	err error
}

func (i *imageWriter) write(mediaType string, data []byte) ocispec.Descriptor {
	desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if i.err == nil {
		i.err = i.w.WriteBlob(i.ctx, desc, data)
	}
	return desc
}

func (i *imageWriter) json(mediaType string, v any) ocispec.Descriptor {
	data, err := json.Marshal(v)
	if err != nil && i.err == nil {
		i.err = err
	}
	return i.write(mediaType, data)
}

// attestation writes a manifest about image in the form that BuildKit gives it.
func (i *imageWriter) attestation(text string, image ocispec.Descriptor) ocispec.Descriptor {
	m := newManifest()
	m.ArtifactType = "application/vnd.docker.attestation.manifest.v1+json"
	m.Config = i.write(ocispec.MediaTypeEmptyJSON, []byte("{}"))
	m.Subject = &ocispec.Descriptor{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size}
	m.Layers = []ocispec.Descriptor{i.json("application/vnd.in-toto+json", map[string]string{"predicate": text})}
	desc := i.json(ocispec.MediaTypeImageManifest, m)
	desc.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	desc.Annotations = map[string]string{
		imageindex.AnnotationReferenceType:   imageindex.ReferenceTypeAttestation,
		imageindex.AnnotationReferenceDigest: image.Digest.String(),
	}
	return desc
}

func newManifest() ocispec.Manifest {
	return ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest}
}

// layerTar is a layer with one file. Writing to memory does not fail.
func layerTar(text string) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	_ = w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(text)), Format: tar.FormatUSTAR})
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return buf.Bytes()
}
