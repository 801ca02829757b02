package layout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/containerd/errdefs"
)

// Status returns the status of the writing with the ref that has come
// furthest.
func (c *contentStore) Status(_ context.Context, ref string) (content.Status, error) {
	var found *content.Status
	for _, st := range c.statuses() {
		if st.Ref == ref && (found == nil || st.Offset > found.Offset) {
			found = &st
		}
	}
	if found == nil {
		return content.Status{}, fmt.Errorf("content ref %s: %w", ref, errdefs.ErrNotFound)
	}
	return *found, nil
}

// ListStatuses returns this process's unfinished writings that one of the
// filters matches, sorted by ref.
func (c *contentStore) ListStatuses(_ context.Context, fs ...string) ([]content.Status, error) {
	filter, err := filters.ParseAll(fs...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(c.statuses(), func(st content.Status) bool {
		return !filter.Match(adaptStatus(st))
	}), nil
}

func (c *contentStore) statuses() []content.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []content.Status
	for w := range c.writers {
		all = append(all, w.status())
	}
	for ref, p := range c.parked {
		all = append(all, content.Status{Ref: ref, Offset: p.offset, StartedAt: p.started, UpdatedAt: p.updated})
	}
	slices.SortFunc(all, func(a, b content.Status) int { return strings.Compare(a.Ref, b.Ref) })
	return all
}

func adaptStatus(st content.Status) filters.Adaptor {
	return filters.AdapterFunc(func(path []string) (string, bool) {
		if len(path) == 1 && path[0] == "ref" {
			return st.Ref, true
		}
		return "", false
	})
}

// Abort drops what was written under the ref and closed unfinished. Writers
// that are open go on: each writes a file of its own, and the ref alone does
// not say which of them was meant.
func (c *contentStore) Abort(_ context.Context, ref string) error {
	c.mu.Lock()
	p := c.parked[ref]
	delete(c.parked, ref)
	open := false
	for w := range c.writers {
		open = open || w.ref == ref
	}
	c.mu.Unlock()
	switch {
	case p != nil:
		return c.discard(p)
	case open:
		return nil
	}
	return fmt.Errorf("content ref %s: %w", ref, errdefs.ErrNotFound)
}

// close discards everything unfinished.
func (c *contentStore) close() error {
	c.mu.Lock()
	parked := c.parked
	c.parked = map[string]*partial{}
	var open []*writer
	for w := range c.writers {
		open = append(open, w)
	}
	c.mu.Unlock()
	var errs []error
	for _, p := range parked {
		errs = append(errs, c.discard(p))
	}
	for _, w := range open {
		errs = append(errs, w.release(c.discard))
	}
	c.pins.forget()
	return errors.Join(append(errs, c.ingest.close())...)
}
