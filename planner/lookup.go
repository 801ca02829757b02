package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ErrRegistry is in the errors of plans that a registry is the reason of.
var ErrRegistry = errors.New("the registry")

// lookups is how many packages are looked up at once. The registry adapter
// has its own limit for each registry.
const lookups = 64

// lookup asks the catalogs about the packages of nodes that were not asked
// about before. The registry is asked when the store has not got all that is
// needed, or when something is to be pushed there.
func (m *maker) lookup(ctx context.Context, nodes []*node) error {
	needed := map[string][]*node{}
	for _, n := range nodes {
		if f := m.images[n.pkg.Name]; f == nil || !f.asked && !m.storeSuffices(f, []*node{n}) {
			needed[n.pkg.Name] = append(needed[n.pkg.Name], n)
		}
	}
	names := sortedKeys(needed)
	results := make([]*found, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookups)
	for i, name := range names {
		group.Go(func() error {
			var err error
			results[i], err = m.find(ctx, m.images[name], needed[name])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, name := range names {
		m.images[name] = results[i]
	}
	return nil
}

// find asks about one package. f is what is known of it already: a package is
// asked for again when a node turns out to be needed that the store has not
// got, and then only in the registry.
func (m *maker) find(ctx context.Context, f *found, nodes []*node) (*found, error) {
	p := nodes[0].pkg
	var err error
	if f == nil {
		f = &found{}
		if f.store, err = ask(ctx, m.store(), p); err != nil {
			return nil, fmt.Errorf("look up package %s in the store: %w", p.Name, err)
		}
	}
	if m.ports.Registry == nil || (m.storeSuffices(f, nodes) && !m.pushes(nodes)) {
		return f, nil
	}
	if f.registry, err = ask(ctx, m.ports.Registry, p); err != nil {
		return nil, fmt.Errorf("look up package %s in %w: %w", p.Name, ErrRegistry, err)
	}
	f.asked = true
	return f, nil
}

// ask returns what a catalog has that was made of p's inputs, or nil.
func ask(ctx context.Context, catalog Catalog, p *Package) (*Image, error) {
	if catalog == nil {
		return nil, nil
	}
	image, err := catalog.Lookup(ctx, p.Ref())
	if err != nil || image == nil || !p.made(image) {
		return nil, err
	}
	return image, nil
}

// made reports whether the image was made of p's inputs: it says so, or, when
// it says nothing, its tag does. A git tree id as the tag is all that counts,
// unless the tree is dirty.
func (p *Package) made(image *Image) bool {
	byTree := !contentMode(p.Package) && !p.Dirty
	if image.Hash != "" && !byTree {
		return image.Hash == p.Hash
	}
	return p.tagNamesHash()
}

// tagNamesHash reports whether the package's tag says what it was made of.
func (p *Package) tagNamesHash() bool { return strings.Contains(p.Tag, p.TagHash) }

// storeSuffices reports whether the nodes need not be asked for elsewhere.
func (m *maker) storeSuffices(f *found, nodes []*node) bool {
	return f.storeHas(nodes) && !slices.ContainsFunc(nodes, func(n *node) bool { return !m.mayReuseStored(n) })
}

func (f *found) storeHas(nodes []*node) bool {
	if f.store == nil {
		return false
	}
	for _, n := range nodes {
		if _, ok := f.store.Manifests[n.platform]; !ok {
			return false
		}
	}
	return true
}

func (m *maker) pushes(nodes []*node) bool {
	if !m.opts.Push {
		return false
	}
	for _, n := range nodes {
		if n.wanted {
			return true
		}
	}
	return false
}
