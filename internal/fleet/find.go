package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/executor"
)

// Finder finds builders that come to endpoints which stand for several. It is
// nil when there is no such endpoint.
func (f *Fleet) Finder() executor.Finder {
	if !slices.ContainsFunc(f.opts.members(), member.several) {
		return nil
	}
	return finder{f}
}

type finder struct{ fleet *Fleet }

// Find is executor.Finder's.
func (f finder) Find(ctx context.Context) ([]executor.BuilderPort, error) {
	return f.fleet.find(ctx)
}

// find looks for builders that the fleet does not have, and connects to them.
// One that does not answer is returned as lost, one that never will as an error.
func (f *Fleet) find(ctx context.Context) ([]executor.BuilderPort, error) {
	endpoints := slices.DeleteFunc(f.opts.members(), func(m member) bool { return !m.several() })
	found, errs := f.take(f.opts.discover(ctx, endpoints))
	faults := make([]error, len(found))
	atOnce(len(found), func(i int) { faults[i] = found[i].open(ctx) })
	f.mu.Lock()
	defer f.mu.Unlock()
	var ports []executor.BuilderPort
	for i, b := range found {
		switch {
		case f.closed:
			errs = append(errs, b.close())
		case faults[i] == nil || executor.Lost(faults[i]):
			b.lost = faults[i]
			f.builders = append(f.builders, b)
			ports = append(ports, b.port())
		default:
			errs = append(errs, fmt.Errorf("builder %s: %w", b.name, faults[i]))
		}
	}
	return ports, errors.Join(errs...)
}

// take makes builders of the members that are new. What stood for builders that
// could not be found learns what became of it.
func (f *Fleet) take(members []member) (found []*builder, errs []error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := map[string][]string{} // by endpoint
	for _, m := range members {
		names[m.of] = append(names[m.of], m.name)
		known := slices.IndexFunc(f.builders, func(b *builder) bool { return b.name == m.name })
		switch {
		case known >= 0: // if that is an error, the builder says so when it is asked
			f.builders[known].become(m)
		case m.err != nil:
			errs = append(errs, m.err)
		case !slices.ContainsFunc(f.builders, m.isAt):
			found = append(found, &builder{member: m, opts: f.opts})
		}
	}
	for _, b := range f.builders {
		if list := names[b.of]; len(list) > 0 && !slices.Contains(list, b.name) {
			b.replaced(list)
		}
	}
	return found, errs
}

// isAt reports whether a builder of the same endpoint is at the same address.
func (m member) isAt(b *builder) bool {
	return m.address.IsValid() && b.of == m.of && b.address == m.address
}

// become makes a builder that could not be found the one that was, or says why
// it cannot be found now.
func (b *builder) become(m member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		b.endpoint, b.address, b.err = m.endpoint, m.address, m.err
	}
}

// replaced tells a builder that could not be found that others are there in its
// place: it will never answer.
func (b *builder) replaced(by []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		b.err = errors.New("in its place there are " + strings.Join(by, ", "))
	}
}
