package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/graph"
)

// releaseSoft lets packages go on that wait for the tag of one that waits for
// them: a tag made of a hash cannot be in its own input, so the name at that
// tag is another image. (A tag that is written out can; see checkReleased.)
// It reports whether there were any.
func (r *resolver) releaseSoft() bool {
	if !slices.ContainsFunc(r.names, func(name string) bool { return len(r.entries[name].soft) > 0 }) {
		return false
	}
	waits := r.waits()
	released := false
	for _, name := range r.names {
		e := r.entries[name]
		for _, dep := range sortedKeys(e.soft) {
			if dep != name && !slices.Contains(waits.Dependencies(dep), name) {
				continue // dep waits for something else; so does this
			}
			released = true
			delete(e.soft, dep)
			r.leave(e, dep)
		}
	}
	return released
}

// leave leaves e's uses of dep at explicit tags to the registry.
func (r *resolver) leave(e *entry, dep string) {
	for _, use := range e.images {
		name := r.parsed.parse(use.Name)
		if name.err == nil && use.Context == "" && slices.Contains(r.repos[name.repository], dep) && !r.isSettled(e.pkg, use) {
			r.respect(e.pkg, use, dep)
			e.released = append(e.released, release{dep, use})
		}
	}
	e.pkg.tidy()
}

// release is a use that was taken for an external image because the package
// that makes images of that name waited for it.
type release struct {
	dep string
	use imageUse
}

// checkReleased makes edges of uses that were released and do name the tag
// that their package came out with. Each closes a cycle.
func (r *resolver) checkReleased() {
	for _, name := range r.names {
		e := r.entries[name]
		for _, was := range e.released {
			if dep := r.entries[was.dep].pkg; dep != nil && dep.Tag == r.parsed.parse(was.use.Name).tag {
				r.use(e.pkg, was.dep, was.use)
			}
		}
	}
}

// mayBeCyclic reports whether the package is stuck, or has an edge that was
// found after it was finished.
func (e *entry) mayBeCyclic() bool { return e.state != finished || len(e.released) > 0 }

// waits is the graph of what packages depend on and wait for, as far as it is
// known.
func (r *resolver) waits() *graph.Graph {
	g := graph.New()
	for _, name := range r.names {
		e := r.entries[name]
		for need := range e.needs {
			g.AddEdge(name, need)
		}
		for need := range e.soft {
			g.AddEdge(name, need)
		}
		if e.pkg != nil {
			for _, edge := range e.pkg.Edges {
				g.AddEdge(name, edge.To)
			}
		}
	}
	return g
}

// reportCycle reports a cycle, if there is one. Nothing waits softly any more.
func (r *resolver) reportCycle() {
	if !slices.ContainsFunc(r.names, func(name string) bool { return r.entries[name].mayBeCyclic() }) {
		return
	}
	path := r.waits().Cycle()
	if path == nil {
		return
	}
	var detail strings.Builder
	fmt.Fprintf(&detail, "%s. Each of these needs the next one to be built first:", strings.Join(path, " → "))
	for i := range path[:len(path)-1] {
		origin, rng := r.edgeOrigin(path[i], path[i+1])
		fmt.Fprintf(&detail, "\n  %s needs %s: %s at %s", path[i], path[i+1], origin, shortLocation(rng))
	}
	_, rng := r.edgeOrigin(path[0], path[1])
	r.diags = append(r.diags, &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Cycle between packages", Detail: detail.String(), Subject: &rng,
	})
}

// edgeOrigin says where the edge between two packages is declared.
func (r *resolver) edgeOrigin(from, to string) (string, hcl.Range) {
	e := r.entries[from]
	for _, ref := range e.decl.References {
		if ref.Package == to {
			return ref.Attribute, ref.Range
		}
	}
	if e.pkg != nil {
		for _, edge := range e.pkg.Edges {
			if edge.To == to {
				return edge.Origin, edge.Range
			}
		}
	}
	return "package", e.decl.Range
}
