package imageindex

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Artifact is a manifest about another one: a referrer, in the words of the
// distribution specification.
type Artifact struct {
	// Manifest is the artifact's own, Data its bytes.
	Manifest ocispec.Descriptor
	Data     []byte
	// Content is what it is there for.
	Content ocispec.Descriptor
}

// NewArtifact makes content an artifact about subject. Content is both its
// config and its only layer, so that it is one blob to keep and to send.
func NewArtifact(subject ocispec.Descriptor, artifactType string, content []byte) (*Artifact, error) {
	a := &Artifact{Content: ocispec.Descriptor{
		MediaType: artifactType, Digest: digest.FromBytes(content), Size: int64(len(content)),
	}}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: artifactType, Config: a.Content, Layers: []ocispec.Descriptor{a.Content},
		Subject: &ocispec.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
	}
	var err error
	if a.Data, err = json.Marshal(m); err != nil {
		return nil, fmt.Errorf("write artifact manifest: %w", err)
	}
	a.Manifest = ocispec.Descriptor{
		MediaType: m.MediaType, ArtifactType: artifactType,
		Digest: digest.FromBytes(a.Data), Size: int64(len(a.Data)),
	}
	return a, nil
}

// PutArtifact makes the artifact the only one of its type in an index of
// referrers.
func PutArtifact(idx *ocispec.Index, artifact ocispec.Descriptor) {
	kept := idx.Manifests[:0]
	for _, d := range idx.Manifests {
		if d.ArtifactType != artifact.ArtifactType {
			kept = append(kept, d)
		}
	}
	idx.Manifests = append(kept, artifact)
}

// FindArtifact returns the artifact of a type in an index of referrers.
func FindArtifact(idx *ocispec.Index, artifactType string) (ocispec.Descriptor, bool) {
	for _, d := range idx.Manifests {
		if d.ArtifactType == artifactType {
			return d, true
		}
	}
	return ocispec.Descriptor{}, false
}

// ReferrersTag is the tag under which the artifacts about a manifest are
// listed where there is no referrers API: the referrers tag schema of the
// distribution specification.
func ReferrersTag(subject digest.Digest) string {
	return strings.Replace(subject.String(), ":", "-", 1)
}

var referrersTag = regexp.MustCompile(`:sha256-[0-9a-f]{64}$`)

// IsReferrersRef reports whether ref (repository:tag) is such a list.
func IsReferrersRef(ref string) bool { return referrersTag.MatchString(ref) }
