package layout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Entry is what the store has under one reference.
type Entry struct {
	Ref    string        `json:"ref"`
	Digest digest.Digest `json:"digest"`
	// Hash is the input hash, "" when it is not known.
	Hash string `json:"hash"`
	// Platforms are normalised, in the index's order; damaged ones too.
	Platforms []string `json:"platforms"`
	// Size is the bytes of all blobs that the entry needs, each counted once.
	// Other entries may share them.
	Size int64 `json:"size"`
}

// List returns the store's entries sorted by reference. Entries whose index or
// manifests are damaged are listed with what can be read of them.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	c, err := s.pinned(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the store: %w", err)
	}
	entries := make([]Entry, 0, len(c.byRef))
	for ref, desc := range c.byRef {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if isAbout(ref) {
			continue // about another entry
		}
		e := Entry{Ref: ref, Digest: desc.Digest, Hash: desc.Annotations[planner.AnnotationHash], Platforms: []string{}}
		sizes := map[digest.Digest]int64{desc.Digest: desc.Size}
		if idx, err := s.readIndex(ctx, desc); err == nil {
			s.measure(ctx, idx, sizes)
			for _, d := range imageindex.Images(idx) {
				e.Platforms = append(e.Platforms, imageindex.FormatPlatform(d.Platform))
			}
		} else if !damaged(err) {
			return nil, fmt.Errorf("list the store: %w", err)
		}
		for _, size := range sizes {
			e.Size += size
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Ref, b.Ref) })
	return entries, nil
}

// RefsOfHash returns the references in a repository under which there are
// images of an input hash, given by its first digits.
func (s *Store) RefsOfHash(_ context.Context, repository, hash string) ([]string, error) {
	c, err := s.index.load()
	if err != nil {
		return nil, fmt.Errorf("list the store: %w", err)
	}
	var refs []string
	for ref, desc := range c.byRef {
		if strings.HasPrefix(ref, repository+":") && !isAbout(ref) && strings.HasPrefix(desc.Annotations[planner.AnnotationHash], hash) {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs, nil
}

// measure adds the sizes of everything that the index refers to.
func (s *Store) measure(ctx context.Context, idx *ocispec.Index, sizes map[digest.Digest]int64) {
	for _, d := range idx.Manifests {
		sizes[d.Digest] = d.Size
		data, err := s.readBlob(ctx, d)
		if err != nil {
			continue
		}
		m, err := parseManifest(d, data)
		if err != nil {
			continue
		}
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			sizes[d.Digest] = d.Size
		}
	}
}
