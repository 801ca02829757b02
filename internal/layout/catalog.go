package layout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Resolve returns the descriptor of the index that the store has under ref.
// An unknown ref is errdefs.ErrNotFound.
//
// What it refers to, and the entry, stay in the store until this Store is
// closed, as does all that is looked up or written: Collect leaves it.
func (s *Store) Resolve(ctx context.Context, ref string) (ocispec.Descriptor, error) {
	desc, err := s.resolve(ctx, ref)
	if err != nil && !errdefs.IsNotFound(err) {
		err = fmt.Errorf("look up %s in the store: %w", ref, err)
	}
	return desc, err
}

// Index reads the index that the store has under ref. An unknown ref is
// errdefs.ErrNotFound, and so is a lost index; a garbled one is
// errdefs.ErrDataLoss.
func (s *Store) Index(ctx context.Context, ref string) (*ocispec.Index, error) {
	desc, err := s.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	idx, err := s.readIndex(ctx, desc)
	if err != nil {
		return nil, fmt.Errorf("read the index of %s in the store: %w", ref, err)
	}
	return idx, nil
}

// Lookup returns what the store has under ref: see planner.Catalog. A
// platform is there when its manifest, config and layers are, each with the
// right size, and those of the attestations about it. Only manifests are
// read; layers are not hashed again, which Verify does.
//
// When the index itself is lost, so are all platforms: building again heals it.
// A damaged index.json may have had any reference: see Damage.
func (s *Store) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	desc, err := s.Resolve(ctx, ref)
	if errdefs.IsNotFound(err) {
		return s.unknown()
	}
	if err != nil {
		return nil, err
	}
	image := &planner.Image{
		Digest:    desc.Digest.String(),
		MediaType: desc.MediaType,
		Size:      desc.Size,
		Hash:      desc.Annotations[planner.AnnotationHash],
		Manifests: map[string]ocispec.Descriptor{},
	}
	idx, err := s.readIndex(ctx, desc)
	if image.Lost = damaged(err); image.Lost {
		return image, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s in the store: %w", ref, err)
	}
	s.markUsed(desc)
	if hash := idx.Annotations[planner.AnnotationHash]; hash != "" {
		image.Hash = hash
	}
	for _, d := range imageindex.Images(idx) {
		platform := imageindex.FormatPlatform(d.Platform)
		err := s.complete(ctx, append(imageindex.Attestations(idx, d.Digest), d))
		switch {
		case err == nil:
			image.Manifests[platform] = d
		case damaged(err):
			image.Damaged = append(image.Damaged, platform)
		default:
			return nil, fmt.Errorf("look up %s in the store: %w", ref, err)
		}
	}
	slices.Sort(image.Damaged)
	return image, nil
}

// unknown is what the store has under a reference that is not in index.json:
// nothing, unless that is damaged.
func (s *Store) unknown() (*planner.Image, error) {
	if damage, err := s.Damage(); damage == nil {
		return nil, err
	}
	return &planner.Image{Manifests: map[string]ocispec.Descriptor{}, Lost: true}, nil
}

// usedEvery is how exactly it is known when an image was used last.
const usedEvery = time.Hour

// markUsed notes down, as the time of the file, that the index desc, which was
// found to be sound, is of use. A store that may not be written to goes without.
func (s *Store) markUsed(desc ocispec.Descriptor) {
	info, err := s.content.stat(desc.Digest)
	if err != nil || time.Since(info.ModTime()) < usedEvery {
		return
	}
	if path, err := s.content.path(desc.Digest); err == nil {
		_ = s.disk.chtimes(path, time.Now())
	}
}

// damaged tells content that is not there, or not what it should be, from
// trouble with reading it, which says nothing about it.
func damaged(err error) bool {
	return errdefs.IsNotFound(err) || errdefs.IsDataLoss(err)
}

// readBlob reads a small blob and verifies it. Content that is missing is
// ErrNotFound; content that is not the descriptor's is ErrDataLoss.
func (s *Store) readBlob(_ context.Context, desc ocispec.Descriptor) ([]byte, error) {
	ra, err := s.content.reader(desc)
	if err != nil {
		return nil, err
	}
	defer ra.Close()
	data, err := io.ReadAll(content.NewReader(ra))
	if err != nil {
		return nil, err
	}
	if digest.FromBytes(data) != desc.Digest {
		s.content.distrust(desc.Digest, ra.info)
		return nil, fmt.Errorf("blob %s: content has another digest: %w", desc.Digest, errdefs.ErrDataLoss)
	}
	return data, nil
}

// readIndex reads what an entry of index.json refers to, as far as the store
// is to have it. A single image manifest, as other tools write them, is read
// as an index of one.
func (s *Store) readIndex(ctx context.Context, desc ocispec.Descriptor) (*ocispec.Index, error) {
	data, err := s.readBlob(ctx, desc)
	if err != nil {
		return nil, err
	}
	if imageindex.IsManifest(desc.MediaType) {
		return s.indexOfOne(ctx, desc, data)
	}
	idx, err := imageindex.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w: %w", desc.Digest, err, errdefs.ErrDataLoss)
	}
	keepHeld(idx, desc)
	return idx, nil
}

func (s *Store) indexOfOne(ctx context.Context, desc ocispec.Descriptor, data []byte) (*ocispec.Index, error) {
	platform := desc.Platform
	if platform == nil {
		m, err := parseManifest(desc, data)
		if err != nil {
			return nil, err
		}
		config, err := s.readBlob(ctx, m.Config)
		if err != nil {
			return nil, err
		}
		platform = new(ocispec.Platform)
		if err := json.Unmarshal(config, platform); err != nil {
			return nil, fmt.Errorf("config %s: %w: %w", m.Config.Digest, err, errdefs.ErrDataLoss)
		}
	}
	idx := imageindex.New()
	desc.Annotations = nil
	imageindex.Put(idx, *platform, desc, nil)
	return idx, nil
}

func parseManifest(desc ocispec.Descriptor, data []byte) (*ocispec.Manifest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("manifest %s: %w: %w", desc.Digest, err, errdefs.ErrDataLoss)
	}
	if m.Config.Digest == "" {
		return nil, fmt.Errorf("manifest %s: names no config: %w", desc.Digest, errdefs.ErrDataLoss)
	}
	return &m, nil
}

// complete checks that the manifests, and what they refer to, are there.
func (s *Store) complete(ctx context.Context, manifests []ocispec.Descriptor) error {
	for _, desc := range manifests {
		data, err := s.readBlob(ctx, desc)
		if err != nil {
			return err
		}
		m, err := parseManifest(desc, data)
		if err != nil {
			return err
		}
		for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
			ok, err := s.content.has(d.Digest, d.Size)
			if err != nil {
				return err
			}
			if !ok {
				return fmt.Errorf("manifest %s: blob %s with %d bytes: %w", desc.Digest, d.Digest, d.Size, errdefs.ErrNotFound)
			}
		}
	}
	return nil
}
