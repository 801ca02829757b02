package planner

import (
	"context"
	"fmt"
	"slices"
)

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
			l.add(Step{ID: id, Kind: KindPush, Package: name, Needs: needs, NoIndex: m.opts.NoIndex, Output: m.stepOutput()})
			m.refuseDirty(p)
			needs = []string{id}
		}
		if m.opts.NoIndex {
			continue // nothing that a tag could point at
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
		if err := m.addRelease(ctx, l, p, push, needs); err != nil {
			return err
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
		if f.registry == nil || !has(f.registry, platform) || n.forced {
			push = true
		}
	}
	switch {
	case len(built) > 0 && m.direct():
		needs, push = append(needs, built...), true
	case len(built) > 0 && m.opts.NoIndex:
		needs = append(needs, built...)
	case len(built) > 0:
		needs = append(needs, "index:"+p.Name)
	}
	return needs, push
}

func has(image *Image, platform string) bool {
	_, ok := image.Manifests[platform]
	return ok
}

// addRelease adds the release tag of a package. One that is there already, of
// something else, stays unless it is forced.
func (m *maker) addRelease(ctx context.Context, l *stepList, p *Package, pushed bool, needs []string) error {
	tag := m.opts.Release
	if tag == "" || slices.Contains(p.ExtraTags, tag) {
		return nil
	}
	there, err := m.ports.Registry.Lookup(ctx, p.Repository+":"+tag)
	if err != nil {
		return fmt.Errorf("look up release %s of package %s in the registry: %w", tag, p.Name, err)
	}
	if there != nil && !pushed && there.Digest == m.images[p.Name].registry.Digest {
		return nil
	}
	if there != nil && !m.opts.Force {
		m.diags = append(m.diags, Diagnostic{
			Severity: "error", Package: p.Name, Summary: fmt.Sprintf("Release %s of package %s exists", tag, p.Name),
			Detail: fmt.Sprintf("%s:%s is %s, which is not what this would release. Choose another name, or move it with --force.", p.Repository, tag, there.Digest),
		})
		return nil
	}
	if dirty := m.r.dirtyInput(p); p.Dirty || dirty != "" {
		m.diags = append(m.diags, Diagnostic{
			Severity: "error", Package: p.Name, Summary: fmt.Sprintf("Package %s is dirty and cannot be released", p.Name),
			Detail: "It is made from files that differ from HEAD. Commit them.",
		})
		return nil
	}
	l.add(Step{ID: "tag:" + p.Name + ":" + tag, Kind: KindTag, Package: p.Name, Tag: tag, Needs: needs})
	return nil
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
