package layout

import (
	"context"
	"errors"
	"io/fs"

	"github.com/opencontainers/go-digest"
)

// sweepBatch is how many blobs are removed under one taking of the lock.
const sweepBatch = 64

// sweep removes the blobs that neither index.json nor a live owner needs, some
// at a time: in between, others go on.
func (c *collector) sweep(ctx context.Context) error {
	current, err := c.load()
	if err != nil {
		return err
	}
	if err := c.follow(current); err != nil {
		return err
	}
	c.result.Left = 0
	var batch []digest.Digest
	sizes := map[digest.Digest]int64{}
	flush := func() error {
		defer func() { batch = batch[:0] }()
		return c.removeBatch(ctx, batch, sizes)
	}
	err = c.eachBlob(func(dgst digest.Digest, size int64) error {
		c.result.Left += size
		if c.reached.has(dgst) {
			return nil
		}
		batch, sizes[dgst] = append(batch, dgst), size
		if len(batch) < sweepBatch {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// removeBatch removes those of batch that are not needed now.
func (c *collector) removeBatch(ctx context.Context, batch []digest.Digest, sizes map[digest.Digest]int64) error {
	if len(batch) == 0 {
		return nil
	}
	release, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	// Pins first: who ends after that has index.json refer to what it needs.
	used, err := c.pins()
	if err != nil {
		return err
	}
	current, err := c.load()
	if err != nil {
		return err
	}
	needs, err := c.needs(current, used)
	if err != nil {
		return err
	}
	for _, dgst := range batch {
		if needs(dgst) {
			continue
		}
		path, err := c.store.content.path(dgst)
		if err != nil {
			return err
		}
		if err := c.store.disk.remove(path); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		c.result.Blobs++
		c.result.Bytes += sizes[dgst]
		c.result.Left -= sizes[dgst]
	}
	return nil
}

// follow finds what the entries of current need, unless that is known.
func (c *collector) follow(current *catalog) error {
	if c.catalog == current && !c.closures.damage {
		return nil
	}
	c.closures.damage = false
	reached := reach{}
	for _, desc := range current.index.Manifests {
		if err := c.closures.add(reached, desc.Digest); err != nil {
			return err
		}
	}
	c.catalog, c.reached = current, reached
	return nil
}

// needs tells what the entries of current and the pins need.
func (c *collector) needs(current *catalog, used *inUse) (func(digest.Digest) bool, error) {
	if err := c.follow(current); err != nil {
		return nil, err
	}
	pinned := reach{}
	for dgst := range used.images {
		if c.reached[dgst] {
			continue
		}
		if err := c.closures.add(pinned, dgst); err != nil {
			return nil, err
		}
	}
	return func(dgst digest.Digest) bool {
		return c.reached.has(dgst) || pinned.has(dgst) || used.blobs[dgst]
	}, nil
}
