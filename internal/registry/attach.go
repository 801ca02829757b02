package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// Attach makes data an artifact about the index subject, in ref's repository:
// see executor.Attacher. A registry that does not say that it lists referrers
// itself has them listed by the referrers tag schema, as the distribution
// specification has clients do.
func (r *Registry) Attach(ctx context.Context, ref string, subject ocispec.Descriptor, artifactType string, data []byte) error {
	tag, err := r.parse(ref)
	if err != nil {
		return err
	}
	return fail("attach "+artifactType+" to", tag, r.attach(ctx, tag, subject, artifactType, data))
}

func (r *Registry) attach(ctx context.Context, tag name.Tag, subject ocispec.Descriptor, artifactType string, data []byte) error {
	a, err := imageindex.NewArtifact(subject, artifactType, data)
	if err != nil {
		return err
	}
	repo := r.repository(tag.Repository)
	client, err := repo.pushing(ctx)
	if err != nil {
		return err
	}
	if !repo.known.hasWritten(repo.name, subject.Digest) {
		there, err := repo.head(ctx, client, a.Manifest.Digest.String())
		if err != nil || there == a.Manifest.Digest {
			return err
		}
	}
	if err := repo.upload(ctx, memory(data), a.Content); err != nil {
		return err
	}
	m := &manifest{Descriptor: a.Manifest, bytes: a.Data}
	listed, err := repo.putReferrer(ctx, client, m)
	if err != nil || listed {
		return err
	}
	_, idx, err := repo.index(ctx, client, imageindex.ReferrersTag(subject.Digest))
	if errors.Is(err, errdefs.ErrNotFound) {
		idx, err = imageindex.New(), nil
	}
	if err != nil {
		return err
	}
	imageindex.PutArtifact(idx, a.Manifest)
	list, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return err
	}
	return repo.put(ctx, client, imageindex.ReferrersTag(subject.Digest), &manifest{Descriptor: desc, bytes: list})
}

// putReferrer writes a manifest that has a subject, and reports whether the
// registry will list it.
func (r *repository) putReferrer(ctx context.Context, client *http.Client, m *manifest) (listed bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.url("manifests", m.Digest.String()).String(), bytes.NewReader(m.bytes))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", m.MediaType)
	resp, err := send(client, req, http.StatusOK, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return false, fmt.Errorf("write manifest %s: %w", m.Digest, err)
	}
	return resp.Header.Get("OCI-Subject") != "", resp.Body.Close()
}

// Attached returns the artifact of a type about what the registry has under
// ref, nil when there is none.
func (r *Registry) Attached(ctx context.Context, ref, artifactType string) ([]byte, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	data, err := r.attached(ctx, tag, artifactType)
	if errors.Is(err, errdefs.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fail("read "+artifactType+" of", tag, err)
	}
	return data, nil
}

func (r *Registry) attached(ctx context.Context, tag name.Tag, artifactType string) ([]byte, error) {
	repo := r.repository(tag.Repository)
	client, err := repo.pulling(ctx)
	if err != nil {
		return nil, err
	}
	subject, err := repo.get(ctx, client, tag.TagStr())
	if err != nil {
		return nil, err
	}
	idx, err := repo.referrers(ctx, client, subject)
	if err != nil {
		return nil, err
	}
	desc, ok := imageindex.FindArtifact(idx, artifactType)
	if !ok {
		return nil, nil
	}
	m, err := repo.get(ctx, client, desc.Digest.String())
	if err != nil {
		return nil, err
	}
	var artifact ocispec.Manifest
	if err := json.Unmarshal(m.bytes, &artifact); err != nil {
		return nil, fmt.Errorf("parse manifest %s: %w", m.Digest, err)
	}
	return repo.readBlob(ctx, client, artifact.Config)
}

// referrers lists what is about a manifest: by the referrers API, else by tag.
func (r *repository) referrers(ctx context.Context, client *http.Client, subject *manifest) (*ocispec.Index, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url("referrers", subject.Digest.String()).String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", ocispec.MediaTypeImageIndex)
	resp, err := send(client, req, http.StatusOK)
	if errors.Is(err, errdefs.ErrNotFound) {
		_, idx, err := r.index(ctx, client, imageindex.ReferrersTag(subject.Digest))
		return idx, err
	}
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var idx ocispec.Index
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxManifest)).Decode(&idx); err != nil {
		return nil, fmt.Errorf("read the referrers of %s: %w", subject.Digest, err)
	}
	return &idx, nil
}

// memory provides one blob from memory.
type memory []byte

// ReaderAt is content.Provider's.
func (m memory) ReaderAt(context.Context, ocispec.Descriptor) (content.ReaderAt, error) {
	return memoryReader{bytes.NewReader(m)}, nil
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }
