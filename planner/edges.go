package planner

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// connect finds the edges of a package that has been examined: from what its
// expressions mention, from its contexts, and from the images that its
// Dockerfile names. The edges' packages that are not finished yet become what
// it needs.
func (r *resolver) connect(name string, e *entry) {
	p := e.pkg
	p.Edges, p.external, p.named = nil, nil, nil
	for _, ref := range e.decl.References {
		orderOnly := ref.Attribute == "depends_on"
		p.Edges = append(p.Edges, Edge{To: ref.Package, Origin: ref.Attribute, Range: ref.Range, OrderOnly: orderOnly})
	}
	for _, use := range e.images {
		if use.Context == "" {
			r.connectImage(p, e, use)
		} else if dep := p.Contexts[use.Context].Package; dep != "" {
			r.use(p, dep, use)
		}
	}
	r.useIdleContexts(p)
	p.useArchives()
	p.useImageContexts(e.images)
	r.useTools(p)
	p.tidy()
	for _, edge := range p.Edges {
		if dep := r.entries[edge.To]; dep.state != finished {
			r.await(name, e.needs, edge.To)
		}
	}
}

// tidy puts edges and external images into their order, each once.
func (p *Package) tidy() {
	p.Edges = uniqueEdges(p.Edges)
	p.sortExternal()
}

// connectImage decides what an image name of the Dockerfile stands for.
func (r *resolver) connectImage(p *Package, e *entry, use imageUse) {
	name := r.parsed.parse(use.Name)
	if name.err != nil {
		r.diags = append(r.diags, useDiagnostic(p, use, "Bad image name",
			fmt.Sprintf("%s %q: %v.", use.Instruction, use.Name, name.err)))
		return
	}
	candidates := r.repos[name.repository]
	floating := (name.tag == "" || name.tag == "latest") && !name.digested
	switch {
	case len(candidates) == 0:
		p.useExternal(use)
	case len(candidates) > 1 && floating:
		r.diags = append(r.diags, useDiagnostic(p, use, "Ambiguous image name",
			fmt.Sprintf("%s %q: the packages %s all make this image. Say which one with contexts, or name its tag.",
				use.Instruction, use.Name, strings.Join(candidates, ", "))))
	case floating, p.Pins == "follow" && len(candidates) == 1 && candidates[0] != p.Name:
		r.use(p, candidates[0], use)
	case name.digested:
		r.respect(p, use, candidates[0])
	default:
		r.connectPinned(p, e, use, candidates)
	}
}

// connectPinned handles a name with an explicit tag: it means the workspace's
// build only if that is the tag the package comes out with. Its own
// repository at another tag is an older image, not a cycle.
func (r *resolver) connectPinned(p *Package, e *entry, use imageUse, candidates []string) {
	for _, name := range candidates {
		if name == p.Name {
			continue
		}
		dep := r.entries[name]
		if dep.state != finished {
			r.await(p.Name, e.soft, name)
			return // settled when the package is finished
		}
		if dep.pkg != nil && dep.pkg.Tag == r.parsed.parse(use.Name).tag {
			r.use(p, name, use)
			return
		}
	}
	r.respect(p, use, candidates[0])
}

// settle decides the uses that waited for dep to be finished.
func (r *resolver) settle(e *entry, name string, dep *Package) {
	p := e.pkg
	for _, use := range e.images {
		image := r.parsed.parse(use.Name)
		if image.tag == "" || use.Context != "" || !slices.Contains(r.repos[image.repository], name) || r.isSettled(p, use) {
			continue
		}
		r.connectPinned(p, e, use, r.repos[image.repository])
	}
	p.tidy()
}

// isSettled reports whether the use is known to be external or an edge.
func (r *resolver) isSettled(p *Package, use imageUse) bool {
	return p.isExternal(use) ||
		slices.ContainsFunc(p.Uses(use.node), func(u Use) bool { return u.Name == use.Name && u.Platform == use.Platform })
}

// respect leaves an explicit tag that is not the workspace's build to the
// registry, and says so.
func (r *resolver) respect(p *Package, use imageUse, owner string) {
	if !slices.ContainsFunc(p.external, func(e externalUse) bool { return e.tool == "" && e.Name == use.Name }) {
		detail := fmt.Sprintf("%s %s is pinned, so it is taken from the registry and not from package %s. pins = \"follow\" uses the workspace's build.", use.Instruction, use.Name, owner)
		if owner == p.Name {
			detail = fmt.Sprintf("%s %s is an earlier image of this package, taken from the registry.", use.Instruction, use.Name)
		}
		r.notes = append(r.notes, Diagnostic{
			Severity: "note", Summary: "Pinned image of the workspace", Detail: detail,
			Package: p.Name, Location: useLocation(p, use),
		})
	}
	p.useExternal(use)
}

// use records that a node of p uses an image of dep.
func (r *resolver) use(p *Package, dep string, use imageUse) {
	n := p.nodes[use.node]
	u := Use{Name: use.Name, Package: dep, Platform: use.Platform}
	if !slices.Contains(n.uses, u) {
		n.uses = append(n.uses, u)
	}
	if use.native {
		n.nativeOnly = r.native(use.node)
	}
	if name := (naming{r.parsed.parse(use.Name).repository, dep}); use.Context == "" && !slices.Contains(p.named, name) {
		p.named = append(p.named, name)
	}
	p.Edges = append(p.Edges, Edge{To: dep, Origin: use.Instruction, Range: useRange(p, use)})
}

// useIdleContexts gives packages that are named contexts, but that no reached
// stage names, to the build all the same: they are declared inputs.
func (r *resolver) useIdleContexts(p *Package) {
	for _, name := range sortedKeys(p.Contexts) {
		dep := p.Contexts[name].Package
		if dep == "" {
			continue
		}
		for _, platform := range p.Platforms {
			n := p.nodes[platform]
			if n != nil && !slices.ContainsFunc(n.uses, func(u Use) bool { return u.Name == name }) {
				n.uses = append(n.uses, Use{Name: name, Package: dep, Platform: platform})
			}
		}
	}
}

// checkPlatforms reports platforms that a dependency is needed for and does
// not declare.
func (r *resolver) checkPlatforms(p *Package) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, platform := range p.Platforms {
		for _, u := range p.Uses(platform) {
			dep := r.entries[u.Package].pkg
			if dep == nil || dep.HasPlatform(u.Platform) {
				continue
			}
			rng := edgeRange(p, u.Package)
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError,
				Summary:  "Platform missing in a dependency",
				Detail: fmt.Sprintf("Package %s for %s needs package %s for %s, which declares only %s. Add %q to the platforms of %s, or take %q out of those of %s.",
					p.Name, platform, u.Package, u.Platform, strings.Join(dep.Platforms, ", "), u.Platform, u.Package, platform, p.Name),
				Subject: &rng,
			})
		}
	}
	return diags
}

// uniqueEdges sorts edges by package, an input before order only, and keeps
// one for each origin.
func uniqueEdges(edges []Edge) []Edge {
	slices.SortStableFunc(edges, func(a, b Edge) int {
		return cmp.Or(
			cmp.Compare(a.To, b.To), cmp.Compare(a.Origin, b.Origin), cmp.Compare(a.Range.Filename, b.Range.Filename),
			cmp.Compare(a.Range.Start.Line, b.Range.Start.Line), cmp.Compare(a.Range.Start.Column, b.Range.Start.Column),
		)
	})
	return slices.CompactFunc(edges, func(a, b Edge) bool { return a.To == b.To && a.Origin == b.Origin })
}

// edgeRange is where p's edge to a package is declared, a Dockerfile line
// before an attribute.
func edgeRange(p *Package, to string) hcl.Range {
	rng := p.Range("platforms")
	for _, e := range p.Edges {
		if e.To == to {
			rng = e.Range
		}
	}
	return rng
}

func useRange(p *Package, use imageUse) hcl.Range { return dockerfileRange(p, use.Line) }

// dockerfileRange is a line of the Dockerfile, or the attribute that the
// Dockerfile is in. Excerpts are found by its bytes.
func dockerfileRange(p *Package, line int) hcl.Range {
	if p.Dockerfile == "" {
		return p.Range("dockerfile_inline")
	}
	start, rest := 0, p.DockerfileContent
	for range line - 1 {
		length := bytes.IndexByte(rest, '\n') + 1
		start, rest = start+length, rest[length:]
	}
	length := len(rest)
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		length = i
	}
	return hcl.Range{
		Filename: joinPath(p.Context, p.Dockerfile),
		Start:    hcl.Pos{Line: line, Column: 1, Byte: start}, End: hcl.Pos{Line: line, Column: length + 1, Byte: start + length},
	}
}

func useLocation(p *Package, use imageUse) string { return shortLocation(useRange(p, use)) }

func useDiagnostic(p *Package, use imageUse, summary, detail string) *hcl.Diagnostic {
	rng := useRange(p, use)
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &rng}
}

// shortLocation is file:line,column.
func shortLocation(rng hcl.Range) string {
	return fmt.Sprintf("%s:%d,%d", rng.Filename, rng.Start.Line, rng.Start.Column)
}
