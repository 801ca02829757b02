package fake

import (
	"context"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// attachments are artifacts by repository, subject and type.
type attachments map[string][]byte

func attachmentKey(ref string, subject ocispec.Descriptor, artifactType string) string {
	return ref[:strings.LastIndex(ref, ":")] + " " + subject.Digest.String() + " " + artifactType
}

// Attach is executor.Attacher's.
func (s *Store) Attach(_ context.Context, ref string, subject ocispec.Descriptor, artifactType string, data []byte) error {
	if err := s.fail("attach", ref); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached == nil {
		s.attached = attachments{}
	}
	s.attached[attachmentKey(ref, subject, artifactType)] = data
	return nil
}

// Attached returns the artifact of a type about what is under ref, or nil.
func (s *Store) Attached(_ context.Context, ref, artifactType string) ([]byte, error) {
	idx := s.Index(ref)
	if idx == nil {
		return nil, nil
	}
	_, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attached[attachmentKey(ref, desc, artifactType)], nil
}

// Attach is executor.Attacher's.
func (r *Registry) Attach(_ context.Context, ref string, subject ocispec.Descriptor, artifactType string, data []byte) error {
	if err := r.begin("attach", ref); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attached == nil {
		r.attached = attachments{}
	}
	r.attached[attachmentKey(ref, subject, artifactType)] = data
	return nil
}

// Attached returns the artifact of a type about what is under ref, or nil.
func (r *Registry) Attached(_ context.Context, ref, artifactType string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attached[attachmentKey(ref, ocispec.Descriptor{Digest: r.tags[ref]}, artifactType)], nil
}
