package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Package is what a plan says of a package, as stowage list --format json
// prints it.
type Package struct {
	Name      string   `json:"name"`
	Ref       string   `json:"ref"`
	Hash      string   `json:"hash"`
	Platforms []string `json:"platforms"`
}

// Sink is where images go. It is safe for concurrent use.
type Sink interface {
	put(repository string, b blob) error
	tag(ref string, index ocispec.Descriptor) error
}

// blob is content, and whether it is a manifest.
type blob struct {
	ocispec.Descriptor
	data     []byte
	manifest bool
}

// Write writes an image of each package and each of its platforms into all
// sinks.
func Write(packages []Package, sinks ...Sink) error {
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for _, p := range packages {
		group.Go(func() error {
			if err := p.write(sinks); err != nil {
				return fmt.Errorf("write an image of %s: %w", p.Name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (p Package) write(sinks []Sink) error {
	index := imageindex.New()
	imageindex.Annotate(index, map[string]string{planner.AnnotationHash: p.Hash})
	var blobs []blob
	for _, platform := range p.Platforms {
		image, err := p.image(platform)
		if err != nil {
			return err
		}
		parsed, err := imageindex.ParsePlatform(platform)
		if err != nil {
			return err
		}
		imageindex.Put(index, parsed, image[len(image)-1].Descriptor, nil)
		blobs = append(blobs, image...)
	}
	data, desc, err := imageindex.Marshal(index)
	if err != nil {
		return err
	}
	blobs = append(blobs, blob{desc, data, true})
	for _, s := range sinks {
		for _, b := range blobs {
			if err := s.put(p.repository(), b); err != nil {
				return err
			}
		}
		desc.Annotations = index.Annotations
		if err := s.tag(p.Ref, desc); err != nil {
			return err
		}
	}
	return nil
}

// repository is the reference's path without host and tag.
func (p Package) repository() string {
	_, path, _ := strings.Cut(p.Ref, "/")
	return path[:strings.LastIndexByte(path, ':')]
}

// image is a layer, a config and a manifest.
func (p Package) image(platform string) ([]blob, error) {
	archive, err := p.archive(platform)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(archive); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer := describe(ocispec.MediaTypeImageLayerGzip, packed.Bytes())
	system, architecture, _ := strings.Cut(platform, "/")
	config, err := encode(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: system, Architecture: architecture},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromBytes(archive)}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := encode(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config.Descriptor, Layers: []ocispec.Descriptor{layer.Descriptor},
	})
	manifest.manifest = true
	return []blob{layer, config, manifest}, err
}

// archive is what the layer unpacks to: one file, in a directory that the
// packages copy from each other.
func (p Package) archive(platform string) ([]byte, error) {
	text := p.Name + " for " + platform + "\n"
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: "src/", Mode: 0o755},
		{Typeflag: tar.TypeReg, Name: "src/prepared.txt", Mode: 0o644, Size: int64(len(text))},
	} {
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	err := w.Close() // which writes the end
	return archive.Bytes(), err
}

func encode(mediaType string, value any) (blob, error) {
	data, err := json.Marshal(value)
	return describe(mediaType, data), err
}

func describe(mediaType string, data []byte) blob {
	return blob{Descriptor: ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}, data: data}
}
