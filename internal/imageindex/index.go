package imageindex

import (
	"cmp"
	_ "crypto/sha256" // for go-digest
	"encoding/json"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// MediaTypeDockerList is the media type of Docker's form of an index, and
// MediaTypeDockerManifest that of its image manifests.
const (
	MediaTypeDockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	MediaTypeDockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

// Annotations that BuildKit puts on the index entry of an attestation
// manifest: what it is, and the digest of the image that it is about.
const (
	AnnotationReferenceType   = "vnd.docker.reference.type"
	AnnotationReferenceDigest = "vnd.docker.reference.digest"
	ReferenceTypeAttestation  = "attestation-manifest"
)

// IsIndex reports whether mediaType is that of an index.
func IsIndex(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageIndex || mediaType == MediaTypeDockerList
}

// IsManifest reports whether mediaType is that of an image manifest.
func IsManifest(mediaType string) bool {
	return mediaType == ocispec.MediaTypeImageManifest || mediaType == MediaTypeDockerManifest
}

// New returns an empty index as BuildKit would write it.
func New() *ocispec.Index {
	return &ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{},
	}
}

// Parse reads an index. Bytes that are JSON of something else are an error.
func Parse(data []byte) (*ocispec.Index, error) {
	var idx ocispec.Index
	if err := json.Unmarshal(data, &idx); err != nil {
		return nil, fmt.Errorf("parse image index: %w", err)
	}
	if idx.SchemaVersion != 2 || (idx.MediaType != "" && !IsIndex(idx.MediaType)) {
		return nil, fmt.Errorf("parse image index: schema version %d, media type %q", idx.SchemaVersion, idx.MediaType)
	}
	return &idx, nil
}

// Marshal returns idx's bytes and descriptor. The form is the one of
// BuildKit's exporter, so that an index put together here from single
// platforms is the same as one that BuildKit made. Docker's media type becomes
// OCI's.
func Marshal(idx *ocispec.Index) ([]byte, ocispec.Descriptor, error) {
	oci := *idx
	oci.MediaType = ocispec.MediaTypeImageIndex
	data, err := json.MarshalIndent(oci, "", "  ")
	if err != nil {
		return nil, ocispec.Descriptor{}, fmt.Errorf("write image index: %w", err)
	}
	return data, ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageIndex,
		Digest:    digest.FromBytes(data),
		Size:      int64(len(data)),
	}, nil
}

// IsAttestation reports whether the entry is a manifest about another one.
func IsAttestation(d ocispec.Descriptor) bool {
	return d.Annotations[AnnotationReferenceType] == ReferenceTypeAttestation
}

// Images returns the entries that are images, in the index's order, each
// with its normalised platform.
func Images(idx *ocispec.Index) []ocispec.Descriptor {
	var images []ocispec.Descriptor
	for _, d := range idx.Manifests {
		if !IsAttestation(d) && FormatPlatform(d.Platform) != "" {
			images = append(images, d)
		}
	}
	return images
}

// Platforms returns the normalised platforms of the images, in the index's
// order.
func Platforms(idx *ocispec.Index) []string {
	var all []string
	for _, d := range Images(idx) {
		all = append(all, FormatPlatform(d.Platform))
	}
	return all
}

// Find returns the image for a normalised platform.
func Find(idx *ocispec.Index, platform string) (ocispec.Descriptor, bool) {
	for _, d := range Images(idx) {
		if FormatPlatform(d.Platform) == platform {
			return d, true
		}
	}
	return ocispec.Descriptor{}, false
}

// Attestations returns the attestation manifests about the image.
func Attestations(idx *ocispec.Index, image digest.Digest) []ocispec.Descriptor {
	var found []ocispec.Descriptor
	for _, d := range idx.Manifests {
		if IsAttestation(d) && d.Annotations[AnnotationReferenceDigest] == image.String() {
			found = append(found, d)
		}
	}
	return found
}

// Put makes image, with the attestations about it, the index's entry for
// platform. What was there for that platform goes, with its attestations.
func Put(idx *ocispec.Index, platform ocispec.Platform, image ocispec.Descriptor, attestations []ocispec.Descriptor) {
	key := FormatPlatform(&platform)
	kept := map[string]bool{}
	for _, d := range Images(idx) {
		if FormatPlatform(d.Platform) != key {
			kept[d.Digest.String()] = true
		}
	}
	kept[image.Digest.String()] = false
	idx.Manifests = slices.DeleteFunc(idx.Manifests, func(d ocispec.Descriptor) bool {
		if IsAttestation(d) {
			return !kept[d.Annotations[AnnotationReferenceDigest]]
		}
		return FormatPlatform(d.Platform) == key
	})
	idx.Manifests = append(idx.Manifests, entry(platform, image))
	idx.Manifests = append(idx.Manifests, attestations...)
}

// exporterKeys are annotations that BuildKit adds to the descriptor it
// answers with, but not to entries of the indexes it writes. One of them is
// the time of the export, which would give each build another digest.
var exporterKeys = []string{
	"config.digest",
	"containerimage.config.digest",
	ocispec.AnnotationCreated,
}

func entry(platform ocispec.Platform, image ocispec.Descriptor) ocispec.Descriptor {
	if image.Platform == nil || FormatPlatform(image.Platform) != FormatPlatform(&platform) {
		image.Platform = &platform
	}
	if len(image.Annotations) > 0 {
		kept := map[string]string{}
		for k, v := range image.Annotations {
			if !slices.Contains(exporterKeys, k) {
				kept[k] = v
			}
		}
		image.Annotations = kept
	}
	if len(image.Annotations) == 0 {
		image.Annotations = nil
	}
	image.Data = nil
	return image
}

// Sort puts the images into the order of platforms (normalised), others after
// them by platform, and attestations last in the order of their images.
func Sort(idx *ocispec.Index, platforms []string) {
	var images, attestations []ocispec.Descriptor
	for _, d := range idx.Manifests {
		if IsAttestation(d) {
			attestations = append(attestations, d)
		} else {
			images = append(images, d)
		}
	}
	rank := func(d ocispec.Descriptor) int {
		if i := slices.Index(platforms, FormatPlatform(d.Platform)); i >= 0 {
			return i
		}
		return len(platforms)
	}
	slices.SortStableFunc(images, func(a, b ocispec.Descriptor) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)),
			cmp.Compare(FormatPlatform(a.Platform), FormatPlatform(b.Platform)),
			cmp.Compare(a.Digest, b.Digest))
	})
	about := func(d ocispec.Descriptor) int {
		i := slices.IndexFunc(images, func(image ocispec.Descriptor) bool {
			return image.Digest.String() == d.Annotations[AnnotationReferenceDigest]
		})
		if i < 0 {
			return len(images)
		}
		return i
	}
	slices.SortStableFunc(attestations, func(a, b ocispec.Descriptor) int {
		return cmp.Compare(about(a), about(b))
	})
	idx.Manifests = append(append([]ocispec.Descriptor{}, images...), attestations...)
}
