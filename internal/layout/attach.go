package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// Attach makes data an artifact about the index subject under ref: see
// executor.Attacher. A layout has no referrers API, so it is listed by the
// referrers tag schema.
func (s *Store) Attach(ctx context.Context, ref string, subject ocispec.Descriptor, artifactType string, data []byte) error {
	fail := func(err error) error { return fmt.Errorf("attach %s to %s in the store: %w", artifactType, ref, err) }
	a, err := imageindex.NewArtifact(subject, artifactType, data)
	if err != nil {
		return fail(err)
	}
	list := referrersRef(ref, subject)
	if err := s.pin(ctx, list, []ocispec.Descriptor{subject, a.Manifest}); err != nil {
		return fail(err)
	}
	for _, blob := range []struct {
		desc ocispec.Descriptor
		data []byte
	}{{a.Content, data}, {a.Manifest, a.Data}} {
		err := content.WriteBlob(ctx, s.content, "artifact-"+blob.desc.Digest.String(), bytes.NewReader(blob.data), blob.desc)
		if err != nil && !errors.Is(err, errdefs.ErrAlreadyExists) {
			return fail(err)
		}
	}
	_, err = s.apply(ctx, &change{ref: list, edit: func(_ context.Context, idx *ocispec.Index) error {
		imageindex.PutArtifact(idx, a.Manifest)
		return nil
	}})
	if err != nil {
		return fail(err)
	}
	return nil
}

// Attached returns the artifact of a type about what the store has under ref,
// nil when there is none.
func (s *Store) Attached(ctx context.Context, ref, artifactType string) ([]byte, error) {
	data, err := s.attached(ctx, ref, artifactType)
	if damaged(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of %s in the store: %w", artifactType, ref, err)
	}
	return data, nil
}

func (s *Store) attached(ctx context.Context, ref, artifactType string) ([]byte, error) {
	subject, err := s.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	list, err := s.Resolve(ctx, referrersRef(ref, subject))
	if err != nil {
		return nil, err
	}
	idx, err := s.readIndex(ctx, list)
	if err != nil {
		return nil, err
	}
	desc, ok := imageindex.FindArtifact(idx, artifactType)
	if !ok {
		return nil, nil
	}
	data, err := s.readBlob(ctx, desc)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(desc, data)
	if err != nil {
		return nil, err
	}
	return s.readBlob(ctx, m.Config)
}

// referrersRef is where the artifacts about subject, in ref's repository, are
// listed.
func referrersRef(ref string, subject ocispec.Descriptor) string {
	return repositoryOf(ref) + imageindex.ReferrersTag(subject.Digest)
}
