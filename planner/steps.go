package planner

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
)

// steps lists what is to be done for the nodes that the walk found.
func (m *maker) steps(ctx context.Context) ([]Step, error) {
	l := &stepList{steps: []Step{}, ids: map[string]bool{}}
	built := map[string][]string{} // package → its build and pull steps
	for _, n := range m.sortedNodes() {
		if n.foundIn != "" {
			l.add(m.reuseStep(n))
			if (m.opts.Pull || m.opts.Load || len(n.pkg.Outputs) > 0 && !m.direct()) && n.wanted && n.foundIn == "registry" {
				pull := m.pullStep(n)
				l.add(pull)
				built[n.pkg.Name] = append(built[n.pkg.Name], pull.ID)
			}
			continue
		}
		if m.opts.SkipBuild {
			m.refuseMissing(n)
			continue
		}
		step, err := m.buildStep(ctx, n)
		if err != nil {
			return nil, err
		}
		if len(built[n.pkg.Name]) == 0 {
			m.refuseLeftOut(n.pkg)
		}
		l.add(step)
		built[n.pkg.Name] = append(built[n.pkg.Name], step.ID)
	}
	m.addPulls(l)
	for _, p := range m.r.Packages {
		if ids := built[p.Name]; len(ids) > 0 && !m.opts.NoIndex && !m.direct() {
			l.add(Step{ID: "index:" + p.Name, Kind: KindIndex, Package: p.Name, Needs: ids})
		}
	}
	if m.opts.Load {
		m.addLoads(l)
	}
	if m.direct() {
		m.refuseLocal(built)
		m.addDirectPushes(l, built)
	}
	if m.opts.Push {
		if err := m.addPushes(ctx, l, built); err != nil {
			return nil, err
		}
	}
	return l.steps, nil
}

// refuseLeftOut notes a package that would be built and whose files are not all
// here to be sent.
func (m *maker) refuseLeftOut(p *Package) {
	file := ""
	if p.Sources != nil {
		file = p.Sources.LeftOut
	}
	for _, name := range sortedKeys(p.LocalContexts) {
		file = cmp.Or(file, p.LocalContexts[name].LeftOut)
	}
	if file == "" {
		return
	}
	m.diags = append(m.diags, Diagnostic{
		Severity: "error", Package: p.Name, Summary: "Package " + p.Name + " is left out by the sparse checkout, and has to be built",
		Detail: fmt.Sprintf("It is neither in the store nor in the registry, and %s is not on disk. Run \"git sparse-checkout add %s\" in the workspace, or select other packages.", file, path.Dir(file)),
	})
}

// addLoads adds a step for every selected package, after the nodes that are
// wanted of it are in the store.
func (m *maker) addLoads(l *stepList) {
	for _, name := range m.opts.Packages {
		var needs []string
		for _, platform := range m.r.Package(name).Platforms {
			n := m.nodes[NodeID(name, platform)]
			if n == nil || !n.wanted {
				continue
			}
			for _, kind := range []Kind{KindBuild, KindPull, KindReuse} {
				if id := stepID(kind, n); l.ids[id] {
					needs = append(needs, id)
					break
				}
			}
		}
		if len(needs) > 0 {
			l.add(Step{ID: "load:" + name, Kind: KindLoad, Package: name, Needs: needs})
		}
	}
}

// stepList collects steps; every Needs is sorted and not nil.
type stepList struct {
	steps []Step
	ids   map[string]bool
}

func (l *stepList) add(s Step) {
	s.Needs = slices.Clone(s.Needs)
	slices.Sort(s.Needs)
	s.Needs = slices.Compact(s.Needs)
	if s.Needs == nil {
		s.Needs = []string{}
	}
	l.steps = append(l.steps, s)
	l.ids[s.ID] = true
}

func (m *maker) reuseStep(n *node) Step {
	reason := ReasonInStore
	if n.foundIn == "registry" {
		reason = ReasonInRegistry
	}
	return Step{
		ID: stepID(KindReuse, n), Kind: KindReuse, Package: n.pkg.Name, Platform: n.platform,
		Reason: reason, FoundIn: n.foundIn, Digest: n.digest,
	}
}

func (m *maker) buildStep(ctx context.Context, n *node) (Step, error) {
	s := Step{ID: stepID(KindBuild, n), Kind: KindBuild, Package: n.pkg.Name, Platform: n.platform, Output: m.stepOutput()}
	var err error
	if s.Reason, s.Changes, err = m.reason(ctx, n); err != nil {
		return s, err
	}
	if m.ports.Estimator != nil {
		s.EstimateMS = m.ports.Estimator.Estimate(n.pkg.Repository, n.platform).Milliseconds()
	}
	for _, id := range m.r.Nodes.DependenciesOf(NodeID(n.pkg.Name, n.platform)) {
		dep := m.nodes[id]
		switch {
		case dep.foundIn == "":
			s.Needs = append(s.Needs, stepID(KindBuild, dep))
		case dep.foundIn == "registry" && n.usesImage(dep) && !m.direct():
			s.Needs = append(s.Needs, stepID(KindPull, dep))
		default:
			s.Needs = append(s.Needs, stepID(KindReuse, dep))
		}
	}
	return s, nil
}

// pullStep copies a node from the registry into the store.
func (m *maker) pullStep(n *node) Step {
	return Step{
		ID: stepID(KindPull, n), Kind: KindPull, Package: n.pkg.Name, Platform: n.platform,
		Digest: n.digest, Needs: []string{stepID(KindReuse, n)},
	}
}

// refuseMissing notes that a node does not exist and may not be built.
func (m *maker) refuseMissing(n *node) {
	m.diags = append(m.diags, Diagnostic{
		Severity: "error", Package: n.pkg.Name,
		Summary: fmt.Sprintf("Package %s is not built for %s", n.pkg.Name, n.platform),
		Detail:  fmt.Sprintf("%s is neither in the store nor in the registry for that platform, and nothing is to be built.", n.pkg.Ref()),
	})
}

// reason explains why a node is built.
func (m *maker) reason(ctx context.Context, n *node) (Reason, []string, error) {
	switch {
	case n.forced:
		return ReasonForced, nil, nil
	case n.damaged:
		return ReasonDamaged, nil, nil
	}
	f := m.images[n.pkg.Name]
	if f.store != nil || f.registry != nil {
		return ReasonPlatformMissing, nil, nil
	}
	if m.ports.Records == nil {
		return ReasonMissing, nil, nil
	}
	if f.changed == nil {
		c, err := m.changed(ctx, n.pkg)
		if err != nil {
			return "", nil, err
		}
		f.changed = &c
	}
	return f.changed.reason, f.changed.changes, nil
}

// changed compares a package with its last build.
func (m *maker) changed(ctx context.Context, p *Package) (changed, error) {
	last, err := m.ports.Records.LastInputs(ctx, p)
	if err != nil {
		return changed{}, fmt.Errorf("read the inputs of the last build of %s: %w", p.Name, err)
	}
	if last != nil && last.Package == p.Name {
		if reason, changes, ok := compare(last, p.Inputs, p.Context); ok {
			return changed{reason, changes}, nil
		}
	}
	return changed{reason: ReasonMissing}, nil
}

// usesImage reports whether building n uses dep's image, and not only its
// name or its being done.
func (n *node) usesImage(dep *node) bool {
	return slices.ContainsFunc(n.pkg.Uses(n.platform), func(u Use) bool {
		return u.Package == dep.pkg.Name && u.Platform == dep.platform
	})
}

// addPulls adds a pull for each node that only the registry has and that a
// build uses: builds take dependencies from the store.
func (m *maker) addPulls(l *stepList) {
	pulls := map[string]bool{}
	for _, s := range l.steps {
		for _, need := range s.Needs {
			pulls[need] = true
		}
	}
	for _, n := range m.sortedNodes() {
		if step := m.pullStep(n); pulls[step.ID] && !l.ids[step.ID] {
			l.add(step)
		}
	}
}

func stepID(kind Kind, n *node) string {
	return string(kind) + ":" + NodeID(n.pkg.Name, n.platform)
}
