package planner

import (
	"context"
	"fmt"
	"slices"
)

// steps lists what is to be done for the nodes that the walk found.
func (m *maker) steps(ctx context.Context) ([]Step, error) {
	l := &stepList{steps: []Step{}}
	built := map[string][]string{} // package → its build and pull steps
	for _, n := range m.sortedNodes() {
		if n.foundIn != "" {
			l.add(m.reuseStep(n))
			continue
		}
		step, err := m.buildStep(ctx, n)
		if err != nil {
			return nil, err
		}
		l.add(step)
		built[n.pkg.Name] = append(built[n.pkg.Name], step.ID)
	}
	m.addPulls(l)
	for _, p := range m.r.Packages {
		if ids := built[p.Name]; len(ids) > 0 {
			l.add(Step{ID: "index:" + p.Name, Kind: KindIndex, Package: p.Name, Needs: ids})
		}
	}
	if m.opts.Push {
		if err := m.addPushes(ctx, l, built); err != nil {
			return nil, err
		}
	}
	return l.steps, nil
}

// stepList collects steps; every Needs is sorted and not nil.
type stepList struct{ steps []Step }

func (l *stepList) add(s Step) {
	s.Needs = slices.Clone(s.Needs)
	slices.Sort(s.Needs)
	s.Needs = slices.Compact(s.Needs)
	if s.Needs == nil {
		s.Needs = []string{}
	}
	l.steps = append(l.steps, s)
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
	s := Step{ID: stepID(KindBuild, n), Kind: KindBuild, Package: n.pkg.Name, Platform: n.platform}
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
		case dep.foundIn == "registry" && n.usesImage(dep):
			s.Needs = append(s.Needs, stepID(KindPull, dep))
		default:
			s.Needs = append(s.Needs, stepID(KindReuse, dep))
		}
	}
	return s, nil
}

// reason explains why a node is built.
func (m *maker) reason(ctx context.Context, n *node) (Reason, []string, error) {
	if n.damaged {
		return ReasonDamaged, nil, nil
	}
	f := m.images[n.pkg.Name]
	if f.store != nil || f.registry != nil {
		return ReasonPlatformMissing, nil, nil
	}
	if m.ports.Records == nil {
		return ReasonMissing, nil, nil
	}
	last, err := m.ports.Records.LastInputs(ctx, n.pkg)
	if err != nil {
		return "", nil, fmt.Errorf("read the inputs of the last build of %s: %w", n.pkg.Name, err)
	}
	if last == nil || last.Package != n.pkg.Name {
		return ReasonMissing, nil, nil
	}
	if reason, changes, ok := compare(last, n.pkg.Inputs, n.pkg.Context); ok {
		return reason, changes, nil
	}
	return ReasonMissing, nil, nil
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
		if id := stepID(KindPull, n); pulls[id] {
			l.add(Step{
				ID: id, Kind: KindPull, Package: n.pkg.Name, Platform: n.platform,
				Digest: n.digest, Needs: []string{stepID(KindReuse, n)},
			})
		}
	}
}

// addPushes adds what the registry lacks of the selected packages, and their
// moving tags where these point elsewhere.
func (m *maker) addPushes(ctx context.Context, l *stepList, built map[string][]string) error {
	for _, name := range m.opts.Packages {
		p := m.r.Package(name)
		needs, push := m.pushNeeds(p, built[name])
		if !push && len(needs) == 0 {
			continue // no platform of it is wanted
		}
		if push {
			id := "push:" + name
			l.add(Step{ID: id, Kind: KindPush, Package: name, Needs: needs})
			m.refuseDirty(p)
			needs = []string{id}
		}
		for _, tag := range p.ExtraTags {
			moves, err := m.tagMoves(ctx, p, tag, push)
			if err != nil {
				return err
			}
			if moves {
				l.add(Step{ID: "tag:" + name + ":" + tag, Kind: KindTag, Package: name, Tag: tag, Needs: needs})
			}
		}
	}
	return nil
}

// pushNeeds returns what must be done before p can be pushed, and whether
// there is anything that the registry has not got.
func (m *maker) pushNeeds(p *Package, built []string) (needs []string, push bool) {
	f := m.images[p.Name]
	for _, platform := range p.Platforms {
		n := m.nodes[NodeID(p.Name, platform)]
		if n == nil || !n.wanted {
			continue
		}
		if n.foundIn != "" {
			needs = append(needs, stepID(KindReuse, n))
		}
		if f.registry == nil || !has(f.registry, platform) {
			push = true
		}
	}
	if len(built) > 0 {
		needs = append(needs, "index:"+p.Name)
	}
	return needs, push
}

func has(image *Image, platform string) bool {
	_, ok := image.Manifests[platform]
	return ok
}

// tagMoves reports whether the moving tag must be set.
func (m *maker) tagMoves(ctx context.Context, p *Package, tag string, pushed bool) (bool, error) {
	if pushed || m.ports.Registry == nil {
		return true, nil
	}
	image, err := m.ports.Registry.Lookup(ctx, p.Repository+":"+tag)
	if err != nil {
		return false, fmt.Errorf("look up tag %s of package %s in the registry: %w", tag, p.Name, err)
	}
	return image == nil || image.Digest != m.images[p.Name].registry.Digest, nil
}

// refuseDirty notes that a package would be pushed that differs from HEAD, or
// is made from one that does.
func (m *maker) refuseDirty(p *Package) {
	if m.opts.AllowDirty {
		return
	}
	const rest = " differ from HEAD, so what is pushed could not be found again from a commit. Commit them, or push it all the same with --allow-dirty."
	d := Diagnostic{Severity: "error", Package: p.Name}
	if p.Dirty {
		d.Summary, d.Detail = "Package "+p.Name+" is dirty", "Its files"+rest
	} else if dirty := m.r.dirtyInput(p); dirty != "" {
		d.Summary, d.Detail = "Package "+p.Name+" is made from a dirty package", "The files of "+dirty+rest
	} else {
		return
	}
	m.diags = append(m.diags, d)
}

// dirtyInput returns the first dirty package, by name, that p's result comes
// from, or "".
func (r *Resolved) dirtyInput(p *Package) string {
	seen, pending, found := map[string]bool{}, inputPackages(p.Edges), ""
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		dep := r.byName[name]
		if dep.Dirty && (found == "" || name < found) {
			found = name
		}
		pending = append(pending, inputPackages(dep.Edges)...)
	}
	return found
}

func stepID(kind Kind, n *node) string {
	return string(kind) + ":" + NodeID(n.pkg.Name, n.platform)
}
