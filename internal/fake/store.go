package fake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Store is an executor.Store in memory. It behaves as the layout does; the
// conformance tests hold both to that. The zero value is an empty store.
type Store struct {
	Blobs

	// Fail, when set, is asked before each operation ("lookup", "put-node",
	// "put-index", "attach") and may make it fail. Set it before the store is used.
	Fail func(op, ref string) error

	mu       sync.Mutex
	refs     map[string]*ocispec.Index
	attached attachments
}

var _ executor.Store = (*Store)(nil)

func (s *Store) fail(op, ref string) error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail(op, ref)
}

// Refs returns the references in the store, sorted.
func (s *Store) Refs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.refs))
}

// Index returns the index under ref, or nil.
func (s *Store) Index(ref string) *ocispec.Index {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refs[ref]
}

// Lookup is planner.Catalog's.
func (s *Store) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	if err := s.fail("lookup", ref); err != nil {
		return nil, err
	}
	return describe(ctx, &s.Blobs, s.Index(ref))
}

// describe is what a catalog that has idx answers.
func describe(ctx context.Context, blobs *Blobs, idx *ocispec.Index) (*planner.Image, error) {
	if idx == nil {
		return nil, nil
	}
	_, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return nil, err
	}
	image := &planner.Image{
		Digest:    desc.Digest.String(),
		MediaType: desc.MediaType,
		Size:      desc.Size,
		Hash:      idx.Annotations[planner.AnnotationHash],
		Manifests: map[string]ocispec.Descriptor{},
	}
	for _, d := range imageindex.Images(idx) {
		platform := imageindex.FormatPlatform(d.Platform)
		if blobs.complete(ctx, append(imageindex.Attestations(idx, d.Digest), d)) == nil {
			image.Manifests[platform] = d
		} else {
			image.Damaged = append(image.Damaged, platform)
		}
	}
	slices.Sort(image.Damaged)
	return image, nil
}

// complete checks that the manifests, and what they refer to, are there.
func (b *Blobs) complete(ctx context.Context, manifests []ocispec.Descriptor) error {
	for _, d := range manifests {
		blobs, err := b.children(ctx, d)
		if err != nil {
			return err
		}
		for _, blob := range blobs {
			if _, err := b.ReadBlob(ctx, blob.Digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// children returns what a manifest refers to.
func (b *Blobs) children(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	data, err := b.ReadBlob(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	return append([]ocispec.Descriptor{m.Config}, m.Layers...), nil
}

// PutNode is executor.Store's.
func (s *Store) PutNode(ctx context.Context, e executor.NodeEntry) error {
	if err := s.fail("put-node", e.Ref); err != nil {
		return err
	}
	platform, err := imageindex.ParsePlatform(e.Platform)
	if err != nil {
		return err
	}
	order, err := imageindex.ParsePlatforms(e.Platforms)
	if err != nil {
		return err
	}
	if e.Ref == "" {
		return errors.New("put node: the reference is empty")
	}
	if err := s.complete(ctx, append([]ocispec.Descriptor{e.Manifest}, e.Attestations...)); err != nil {
		return fmt.Errorf("put %s for %s: %w", e.Ref, e.Platform, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	idx := imageindex.New()
	if old := s.refs[e.Ref]; old != nil && old.Annotations[planner.AnnotationHash] == e.Hash {
		idx = imageindex.Clone(old)
	}
	imageindex.Annotate(idx, map[string]string{planner.AnnotationHash: e.Hash})
	imageindex.Put(idx, platform, e.Manifest, e.Attestations)
	imageindex.Sort(idx, order)
	s.set(e.Ref, idx)
	return nil
}

func (s *Store) set(ref string, idx *ocispec.Index) {
	if s.refs == nil {
		s.refs = map[string]*ocispec.Index{}
	}
	s.refs[ref] = idx
}

// PutIndex is executor.Store's.
func (s *Store) PutIndex(ctx context.Context, ref string, platforms []string, annotations map[string]string) (ocispec.Descriptor, error) {
	if err := s.fail("put-index", ref); err != nil {
		return ocispec.Descriptor{}, err
	}
	order, err := imageindex.ParsePlatforms(platforms)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs[ref] == nil {
		return ocispec.Descriptor{}, fmt.Errorf("put index %s: nothing is there: %w", ref, errdefs.ErrNotFound)
	}
	idx := imageindex.Clone(s.refs[ref])
	for _, p := range order {
		d, ok := imageindex.Find(idx, p)
		if !ok {
			return ocispec.Descriptor{}, fmt.Errorf("put index %s: platform %s is not there: %w", ref, p, errdefs.ErrNotFound)
		}
		if err := s.complete(ctx, []ocispec.Descriptor{d}); err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("put index %s: platform %s: %w", ref, p, err)
		}
	}
	hash := idx.Annotations[planner.AnnotationHash]
	imageindex.Annotate(idx, annotations)
	imageindex.Annotate(idx, map[string]string{planner.AnnotationHash: hash})
	imageindex.Sort(idx, order)
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	s.put(desc.Digest, data)
	s.set(ref, idx)
	return desc, nil
}

// FindNode is executor.NodeFinder's.
func (s *Store) FindNode(ctx context.Context, ref, hash, platform string) (*executor.BuildResult, error) {
	if err := s.fail("find-node", ref); err != nil {
		return nil, err
	}
	idx := s.Index(ref)
	if idx == nil || idx.Annotations[planner.AnnotationHash] != hash {
		return nil, nil
	}
	image, ok := imageindex.Find(idx, platform)
	if !ok {
		return nil, nil
	}
	result := &executor.BuildResult{Manifest: image, Attestations: imageindex.Attestations(idx, image.Digest)}
	if s.complete(ctx, append([]ocispec.Descriptor{image}, result.Attestations...)) != nil {
		return nil, nil
	}
	return result, nil
}

// Records is executor.NodeFinder's.
func (s *Store) Records(_ context.Context, repository string, image digest.Digest) ([]executor.NodeEntry, error) {
	var found []executor.NodeEntry
	for _, ref := range s.Refs() {
		if !strings.HasPrefix(ref, repository+":") || !planner.IsResolvedRef(ref) {
			continue
		}
		idx := s.Index(ref)
		for _, d := range imageindex.Images(idx) {
			if d.Digest != image {
				continue
			}
			platform := imageindex.FormatPlatform(d.Platform)
			found = append(found, executor.NodeEntry{
				Ref: ref, Hash: idx.Annotations[planner.AnnotationHash], Platform: platform, Platforms: []string{platform},
				BuildResult: executor.BuildResult{Manifest: d, Attestations: imageindex.Attestations(idx, d.Digest)},
			})
		}
	}
	return found, nil
}
