package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// change is one of the index under one ref: an edit or a put.
type change struct {
	ref string
	// edit changes the index. idx is never nil: it is empty when the store has
	// no readable one. It must not fail half way.
	edit func(ctx context.Context, idx *ocispec.Index) error
	// put returns what to have in index.json in place of old, which is empty
	// when there is nothing under ref.
	put func(old ocispec.Descriptor) ocispec.Descriptor

	done bool // guarded by the turn
	desc ocispec.Descriptor
	err  error
}

// commits collects changes, so that those which come while index.json is being
// written go into the next writing together.
type commits struct {
	// turn is held by the goroutine that writes for all.
	turn chan struct{}

	mu      sync.Mutex
	waiting []*change
}

func (c *commits) add(ch *change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, ch)
}

func (c *commits) take() []*change {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.waiting
	c.waiting = nil
	return batch
}

// drop forgets a change whose caller has gone.
func (c *commits) drop(ch *change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = slices.DeleteFunc(c.waiting, func(other *change) bool { return other == ch })
}

// apply makes the change durable and returns the new index's descriptor.
// Whoever gets the turn writes everybody's changes; the others find theirs
// done when their turn comes.
func (s *Store) apply(ctx context.Context, ch *change) (ocispec.Descriptor, error) {
	s.commits.add(ch)
	select {
	case s.commits.turn <- struct{}{}:
	case <-ctx.Done():
		s.commits.drop(ch)
		return ocispec.Descriptor{}, ctx.Err()
	}
	defer func() { <-s.commits.turn }()
	if ch.done {
		return ch.desc, ch.err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		s.commits.drop(ch)
		return ocispec.Descriptor{}, err
	}
	defer unlock()
	batch := s.commits.take()
	// Others' changes are in the batch: they are not to fail because the
	// caller that happens to write them goes away.
	s.commit(context.WithoutCancel(ctx), batch)
	return ch.desc, ch.err
}

// alone takes the turn and the lock: until unlock, nobody else changes
// index.json.
func (s *Store) alone(ctx context.Context) (unlock func(), err error) {
	select {
	case s.commits.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	release, err := s.lock(ctx)
	if err != nil {
		<-s.commits.turn
		return nil, err
	}
	return func() { release(); <-s.commits.turn }, nil
}

// commit does the batch. It needs the turn and the lock.
func (s *Store) commit(ctx context.Context, batch []*change) {
	var edits []*change
	for _, ch := range batch {
		if ch.put == nil {
			edits = append(edits, ch)
			continue
		}
		ch.done = true
		ch.desc, ch.err = s.tryPut(ch)
	}
	if len(edits) == 0 {
		return
	}
	err := s.tryCommit(ctx, edits)
	for _, ch := range edits {
		ch.done = true
		if ch.err == nil {
			ch.err = err
		}
	}
}

// tryPut writes index.json with an entry that refers to what is there.
func (s *Store) tryPut(ch *change) (ocispec.Descriptor, error) {
	current, err := s.index.load()
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	old, ok := current.byRef[ch.ref]
	entry := ch.put(old)
	if ok && current.damage == nil && old.Digest == entry.Digest && maps.Equal(old.Annotations, entry.Annotations) {
		return entry, nil
	}
	return entry, s.writeEntries(current, map[string]ocispec.Descriptor{ch.ref: entry})
}

// tryCommit writes the changed indexes and then index.json. Changes that fail
// by themselves get their own error and leave the others alone.
func (s *Store) tryCommit(ctx context.Context, batch []*change) error {
	current, err := s.index.load()
	if err != nil {
		return err
	}
	indexes := map[string]*ocispec.Index{}
	for _, ch := range batch {
		idx, ok := indexes[ch.ref]
		if !ok {
			if idx, err = s.editable(ctx, current, ch.ref); err != nil {
				return err
			}
		}
		edited := imageindex.Clone(idx)
		if ch.err = ch.edit(ctx, edited); ch.err == nil {
			idx = edited
		}
		indexes[ch.ref] = idx
	}
	descs, err := s.writeIndexes(ctx, current, indexes)
	if err != nil {
		return err
	}
	for _, ch := range batch {
		ch.desc = descs[ch.ref]
	}
	return nil
}

// editable returns the index under ref, or an empty one when there is none
// or it is damaged.
func (s *Store) editable(ctx context.Context, current *catalog, ref string) (*ocispec.Index, error) {
	desc, ok := current.byRef[ref]
	if !ok {
		return imageindex.New(), nil
	}
	idx, err := s.readIndex(ctx, desc)
	if damaged(err) {
		return imageindex.New(), nil
	}
	return idx, err
}

// writeIndexes makes the layout say what indexes says, in the order that keeps
// it valid: blobs first, then index.json. What is so already is not written.
func (s *Store) writeIndexes(ctx context.Context, current *catalog, indexes map[string]*ocispec.Index) (map[string]ocispec.Descriptor, error) {
	descs := map[string]ocispec.Descriptor{}
	changed := map[string]ocispec.Descriptor{}
	for ref, idx := range indexes {
		if len(idx.Manifests) == 0 {
			continue
		}
		desc, err := s.writeIndex(ctx, idx)
		if err != nil {
			return nil, fmt.Errorf("write the index of %s: %w", ref, err)
		}
		s.markUsed(desc)
		descs[ref] = desc
		entry := desc
		entry.Annotations = map[string]string{ocispec.AnnotationRefName: ref}
		if hash := idx.Annotations[planner.AnnotationHash]; hash != "" {
			entry.Annotations[planner.AnnotationHash] = hash
		}
		old, ok := current.byRef[ref]
		if !ok || old.Digest != entry.Digest || !maps.Equal(old.Annotations, entry.Annotations) {
			changed[ref] = entry
		}
	}
	if len(changed) == 0 && current.damage == nil {
		return descs, nil
	}
	return descs, s.writeEntries(current, changed)
}

// writeEntries replaces index.json by one with other entries, whose blobs have
// been written.
func (s *Store) writeEntries(current *catalog, changed map[string]ocispec.Descriptor) error {
	if err := s.disk.syncDir(s.content.blobs); err != nil {
		return err
	}
	return s.writeIndexFile(current, current.with(changed))
}

func (s *Store) writeIndex(ctx context.Context, idx *ocispec.Index) (ocispec.Descriptor, error) {
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	err = content.WriteBlob(ctx, s.content, "index-"+desc.Digest.String(), bytes.NewReader(data), desc)
	if err != nil && !errors.Is(err, errdefs.ErrAlreadyExists) {
		return ocispec.Descriptor{}, err
	}
	return desc, nil
}
