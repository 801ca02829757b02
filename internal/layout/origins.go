package layout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// origins are the images that layers are of, as the store was when it was
// first asked.
type origins struct {
	mu      sync.Mutex
	byLayer map[digest.Digest][]origin
}

// origin is an image that has a layer.
type origin struct {
	ref string
	// layers is how many it has.
	layers int
}

// Origins returns the references of images that have the layer and at most so
// many layers, those with the fewest first: an image has fewer than those that
// are built on it. It is a hint: what was added since the first call is left
// out, and so is what is damaged.
func (s *Store) Origins(ctx context.Context, layer digest.Digest, layers int) ([]string, error) {
	s.origins.mu.Lock()
	defer s.origins.mu.Unlock()
	if s.origins.byLayer == nil {
		found, err := s.findOrigins(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for images with layer %s in the store: %w", layer, err)
		}
		s.origins.byLayer = found
	}
	var refs []string
	for _, o := range s.origins.byLayer[layer] {
		if o.layers <= layers {
			refs = append(refs, o.ref)
		}
	}
	return refs, nil
}

func (s *Store) findOrigins(ctx context.Context) (map[digest.Digest][]origin, error) {
	c, err := s.index.load()
	if err != nil {
		return nil, err
	}
	found := map[digest.Digest][]origin{}
	for _, ref := range c.refs() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		idx, err := s.readIndex(ctx, c.byRef[ref])
		if damaged(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, d := range imageindex.Images(idx) {
			data, err := s.readBlob(ctx, d)
			if damaged(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			m, err := parseManifest(d, data)
			if err != nil {
				continue
			}
			for _, l := range m.Layers {
				found[l.Digest] = append(found[l.Digest], origin{ref, len(m.Layers)})
			}
		}
	}
	for _, images := range found {
		slices.SortStableFunc(images, func(a, b origin) int { return cmp.Compare(a.layers, b.layers) })
	}
	return found, nil
}
