package planner

import (
	"maps"
	"slices"
)

// triggers are ONBUILD instructions of workspace images that a package uses,
// by the platform that is built, then by the name used.
type triggers map[string]map[string][]string

func (t triggers) equal(other triggers) bool {
	return maps.EqualFunc(t, other, func(a, b map[string][]string) bool { return maps.EqualFunc(a, b, slices.Equal) })
}

// triggersFor returns the ONBUILD instructions that p's dependencies, all
// finished, leave to it. They may name images that its Dockerfile does not.
func (r *resolver) triggersFor(p *Package) triggers {
	out := triggers{}
	for platform, n := range p.nodes {
		for _, u := range n.uses {
			dep := r.entries[u.Package].pkg
			if dep == nil || dep.nodes[u.Platform] == nil || len(dep.nodes[u.Platform].onBuild) == 0 {
				continue
			}
			if out[platform] == nil {
				out[platform] = map[string][]string{}
			}
			out[platform][u.Name] = dep.nodes[u.Platform].onBuild
		}
	}
	return out
}

// reread finds the images of a package again, with those that ONBUILD
// instructions of its dependencies name.
func (r *resolver) reread(p *Package, t triggers) outcome {
	uses, diags := r.readImages(p, t)
	return outcome{name: p.Name, pkg: p, uses: uses, diags: diags}
}
