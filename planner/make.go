package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ports are what Make asks. Registry is nil when none may be asked, and
// Records and Estimator when there is no memory of earlier runs.
type Ports struct {
	Store     Catalog
	Registry  Catalog
	Records   Records
	Estimator Estimator
}

// Options shape a plan.
type Options struct {
	// Packages are the names selected, as Select returns them.
	Packages []string
	// Platforms, when not empty, are the only ones wanted; SkipPlatforms are
	// not wanted. A dependency is built for whatever platform it is needed.
	Platforms     []string
	SkipPlatforms []string
	// Push plans for the registry to have what is wanted.
	Push bool
	// AllowDirty permits pushing packages that differ from HEAD.
	AllowDirty bool
	// Force builds what is selected although it exists.
	Force bool
	// Pull copies what is selected and only in the registry into the store.
	Pull bool
	// Load gives what is selected to a container engine, from the store.
	Load bool
	// SkipBuild builds nothing: what does not exist is an error.
	SkipBuild bool
	// IgnoreCached takes what is not selected from the registry although the
	// store has it.
	IgnoreCached bool
	// NoIndex pushes per-platform tags only.
	NoIndex bool
	// Release is a tag to be moved to every selected package, "" for none.
	Release string
	// Output is OutputRegistry to have builders push what they build, and to
	// leave the store out; "" and OutputStore are the store.
	Output string
	// Shown are the options to record in the plan.
	Shown map[string]any

	Version  string
	Now      time.Time
	Revision string
}

// Make asks the catalogs what exists, walks from what is wanted to what must
// be built for it, and lists the steps. Something that could not be found out
// is an error, never "missing".
func Make(ctx context.Context, r *Resolved, ports Ports, opts Options) (*Plan, error) {
	if err := opts.check(ports.Registry != nil); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	m := &maker{r: r, ports: ports, opts: opts, images: map[string]*found{}, nodes: map[string]*node{}}
	wanted, err := m.wanted()
	if err != nil {
		return nil, err
	}
	if err := m.walk(ctx, wanted); err != nil {
		return nil, err
	}
	steps, err := m.steps(ctx)
	if err != nil {
		return nil, err
	}
	return m.plan(steps)
}

// check refuses options that contradict each other.
func (o Options) check(registry bool) error {
	switch {
	case o.Push && !registry:
		return errors.New("pushing needs the registry, and none may be asked")
	case o.Pull && !registry:
		return errors.New("pulling needs the registry, and none may be asked")
	case o.IgnoreCached && !registry:
		return errors.New("to take dependencies from the registry it must be asked")
	case o.Force && o.SkipBuild:
		return errors.New("to build although it exists and to build nothing contradict each other")
	case o.NoIndex && !o.Push:
		return errors.New("leaving out the index is about what is pushed, and nothing is")
	case o.Release != "" && !o.Push:
		return errors.New("a release is a tag in the registry: it needs pushing")
	case o.Release != "" && o.NoIndex:
		return errors.New("a release tag points at an index, and none is pushed")
	}
	return o.checkOutput()
}

// maker holds the state of one Make.
type maker struct {
	r      *Resolved
	ports  Ports
	opts   Options
	images map[string]*found // by package
	nodes  map[string]*node  // every node needed, by id
	diags  []Diagnostic
	// partial says that some platform of a selected package is not wanted.
	partial bool
}

// found is what the catalogs have of a package, nil where nothing fits.
type found struct {
	store, registry *Image
	// asked says that the registry was asked.
	asked bool
	// changed says why the package is built although it was built before; nil
	// until somebody asks.
	changed *changed
}

// changed is the reason for building a package that no catalog has, and what
// is not as it was in its last build.
type changed struct {
	reason  Reason
	changes []string
}

// node is one node that is wanted or needed.
type node struct {
	pkg      *Package
	platform string
	wanted   bool
	// foundIn is "store" or "registry", and "" when it must be built.
	foundIn string
	digest  string
	damaged bool
	forced  bool
}

// wanted lists the selected nodes, sorted by package and platform.
func (m *maker) wanted() ([]*node, error) {
	if err := m.r.know(slices.Concat(m.opts.Platforms, m.opts.SkipPlatforms)); err != nil {
		return nil, err
	}
	var out []*node
	for _, name := range m.opts.Packages {
		p := m.r.Package(name)
		if p == nil {
			return nil, fmt.Errorf("plan: no package %q", name)
		}
		for _, platform := range p.Platforms {
			if m.wants(platform) {
				out = append(out, m.node(p, platform))
			} else {
				m.partial = true
			}
		}
	}
	for _, n := range out {
		n.wanted = true
	}
	if len(out) == 0 && len(m.opts.Platforms) > 0 {
		return nil, fmt.Errorf("no selected package has the platform %s", strings.Join(m.opts.Platforms, " or "))
	}
	return out, nil
}

// know returns an error if no package of the workspace has one of the platforms.
func (r *Resolved) know(platforms []string) error {
	if len(platforms) == 0 || len(r.Packages) == 0 {
		return nil
	}
	all := map[string]bool{}
	for _, p := range r.Packages {
		for _, platform := range p.Platforms {
			all[platform] = true
		}
	}
	for _, platform := range platforms {
		if !all[platform] {
			return fmt.Errorf("no package has the platform %s; there is %s", platform, strings.Join(sortedKeys(all), ", "))
		}
	}
	return nil
}

func (m *maker) wants(platform string) bool {
	if slices.Contains(m.opts.SkipPlatforms, platform) {
		return false
	}
	return len(m.opts.Platforms) == 0 || slices.Contains(m.opts.Platforms, platform)
}

// node returns the node, known from then on.
func (m *maker) node(p *Package, platform string) *node {
	id := NodeID(p.Name, platform)
	if m.nodes[id] == nil {
		m.nodes[id] = &node{pkg: p, platform: platform}
	}
	return m.nodes[id]
}

// walk decides node by node whether it exists, and goes on to the
// dependencies of those that do not. Each round's lookups run together.
func (m *maker) walk(ctx context.Context, frontier []*node) error {
	for len(frontier) > 0 {
		if err := m.lookup(ctx, frontier); err != nil {
			return err
		}
		var next []*node
		for _, n := range frontier {
			m.decide(n)
			if n.foundIn != "" || m.opts.SkipBuild {
				continue
			}
			for _, id := range m.r.Nodes.DependenciesOf(NodeID(n.pkg.Name, n.platform)) {
				if m.nodes[id] == nil {
					name, platform := SplitNodeID(id)
					next = append(next, m.node(m.r.Package(name), platform))
				}
			}
		}
		frontier = next
	}
	return nil
}

// decide looks for a node in what the catalogs have.
func (m *maker) decide(n *node) {
	f := m.images[n.pkg.Name]
	if n.forced = m.opts.Force && n.wanted; n.forced {
		return
	}
	if f.store != nil && m.mayReuseStored(n) {
		if d, ok := f.store.Manifests[n.platform]; ok {
			n.foundIn, n.digest = "store", d.Digest.String()
			return
		}
		n.damaged = f.store.Lost || slices.Contains(f.store.Damaged, n.platform)
	}
	if f.registry != nil {
		if d, ok := f.registry.Manifests[n.platform]; ok {
			n.foundIn, n.digest = "registry", d.Digest.String()
		}
	}
}

// mayReuseStored reports whether the node may be taken from the store.
func (m *maker) mayReuseStored(n *node) bool { return n.wanted || !m.opts.IgnoreCached }

// sortedNodes returns the known nodes, sorted by package, each package's
// platforms in its order.
func (m *maker) sortedNodes() []*node {
	out := make([]*node, 0, len(m.nodes))
	for _, p := range m.r.Packages {
		for _, platform := range p.Platforms {
			if n := m.nodes[NodeID(p.Name, platform)]; n != nil {
				out = append(out, n)
			}
		}
	}
	return out
}
