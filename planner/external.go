package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
)

// externalUse is one use of an image that is not the workspace's: by the
// Dockerfile, or as a named context.
type externalUse struct {
	imageUse
	// ref is the image's reference as it is written.
	ref string
	rng hcl.Range
	// tool is set for an image that runs in a build and is no part of it.
	tool Tool
}

// Tool is what an external image does for a build, "" for one that the image
// is made from.
type Tool string

// The tools that a build may need.
const (
	// ToolFrontend reads the Dockerfile: the image of its "# syntax=" line, or of the
	// argument BUILDKIT_SYNTAX.
	ToolFrontend Tool = "frontend"
	// ToolScanner lists what is in the image: attest's scanner.
	ToolScanner Tool = "scanner"
)

// defaultScanner is what BuildKit makes SBOMs with unless it is told otherwise
// (frontend/attestations/sbom/sbom.go).
const defaultScanner = "docker/buildkit-syft-scanner:stable-1"

// syntaxArg is the argument that goes before a "# syntax=" line.
const syntaxArg = "BUILDKIT_SYNTAX"

// useTools records the images that run on the builder of each node, natively.
func (r *resolver) useTools(p *Package) {
	for _, platform := range p.Platforms {
		add := func(tool Tool, ref string, rng hcl.Range) {
			use := imageUse{ImageUse: ImageUse{Name: ref, Platform: r.native(platform), Instruction: string(tool)}, node: platform}
			p.external = append(p.external, externalUse{imageUse: use, ref: ref, rng: rng, tool: tool})
		}
		frontend, given := "", p.ArgsFor(platform)[syntaxArg] != ""
		if node := p.nodes[platform]; node != nil { // the Dockerfile can be read
			frontend = node.frontend
		}
		switch {
		case frontend == "", given && r.mentions(p, frontend):
		case given:
			add(ToolFrontend, frontend, p.Range("args"))
		default:
			add(ToolFrontend, frontend, useRange(p, imageUse{ImageUse: ImageUse{Line: 1}}))
		}
		if p.Attest.SBOM {
			add(ToolScanner, cmp.Or(p.Attest.Scanner, defaultScanner), p.Range("attest"))
		}
	}
}

// mentions reports whether an expression has given p the reference of a package
// of the workspace: its tag says what it is, and there is nothing to lock.
func (r *resolver) mentions(p *Package, ref string) bool {
	named := r.repos[r.parsed.parse(ref).repository]
	return slices.ContainsFunc(p.Edges, func(e Edge) bool { return !e.OrderOnly && slices.Contains(named, e.To) })
}

// imageScheme marks a named context that is an image.
const imageScheme = "docker-image://"

// useExternal records that a node of p uses an image that is not the
// workspace's.
func (p *Package) useExternal(use imageUse) {
	p.external = append(p.external, externalUse{imageUse: use, ref: use.Name, rng: useRange(p, use)})
}

// useImageContexts records the named contexts that are images, whether a stage
// names them or not, for every platform that any does.
func (p *Package) useImageContexts(uses []imageUse) {
	for _, name := range sortedKeys(p.Contexts) {
		ref, ok := strings.CutPrefix(p.Contexts[name].URL, imageScheme)
		if !ok {
			continue
		}
		e := externalUse{ref: ref, rng: p.Range("contexts")}
		for _, use := range uses {
			if use.Context == name {
				e.imageUse = use
				p.external = append(p.external, e)
			}
		}
		for _, platform := range p.Platforms {
			e.imageUse = imageUse{ImageUse: ImageUse{Name: name, Context: name, Platform: platform}, node: platform}
			if !slices.ContainsFunc(p.external, func(x externalUse) bool { return x.Context == name && x.node == platform }) {
				p.external = append(p.external, e)
			}
		}
	}
}

// isExternal reports whether the use is known to be of an external image.
func (p *Package) isExternal(use imageUse) bool {
	return slices.ContainsFunc(p.external, func(e externalUse) bool {
		return e.tool == "" && e.Name == use.Name && e.Context == use.Context && e.Platform == use.Platform && e.node == use.node
	})
}

// sortExternal puts external images into their order, each use once.
func (p *Package) sortExternal() {
	slices.SortStableFunc(p.external, func(a, b externalUse) int {
		return cmp.Or(compareStrings(a.ref, b.ref, string(a.tool), string(b.tool), a.Context, b.Context, a.node, b.node, a.Platform, b.Platform), cmp.Compare(a.Line, b.Line))
	})
	p.external = slices.CompactFunc(p.external, func(a, b externalUse) bool {
		return a.ref == b.ref && a.tool == b.tool && a.Context == b.Context && a.node == b.node && a.Platform == b.Platform
	})
}

// lockImages pins p's external images by the lock file. What it does not have
// is a mistake.
func (r *resolver) lockImages(p *Package) hcl.Diagnostics {
	if r.opts.Lock == nil {
		return nil
	}
	p.locked = map[string]LockedImage{}
	var diags hcl.Diagnostics
	for _, use := range p.external {
		name, pinned, err := LockName(use.ref)
		if err != nil || pinned {
			continue // BuildKit refuses bad names; a digest needs no lock
		}
		image, ok := r.opts.Lock.Images[name]
		detail := ""
		switch {
		case !ok:
			detail = fmt.Sprintf("Package %s uses %s, which the lock file does not have. Run \"stowage lock\" to add it.", p.Name, use.ref)
		case !slices.Contains(image.Platforms, use.Platform):
			detail = fmt.Sprintf("Package %s needs %s for %s. What it is locked to has only %s. Run \"stowage lock --upgrade %s\" if it has that platform by now.",
				p.Name, use.ref, use.Platform, strings.Join(image.Platforms, ", "), use.ref)
		}
		if detail != "" && r.opts.Unlocked {
			continue
		}
		if detail != "" {
			rng := use.rng
			diags = append(diags, &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Image is not locked", Detail: detail, Subject: &rng})
			continue
		}
		p.locked[use.ref] = image
	}
	return diags
}

// Base is one external image that building a node uses.
type Base struct {
	// Name is what the Dockerfile calls it: an image or a named context.
	Name string
	// Ref is the reference in the form of LockName, Digest what it is locked
	// to: "" when there is no lock file, or when Name has a digest.
	Ref, Digest string
	Platform    string
	// Tool is set for an image that is not built upon but runs.
	Tool Tool
}

// Bases returns the external images that building p for platform uses.
func (p *Package) Bases(platform string) []Base {
	var out []Base
	for _, use := range p.external {
		ref, _, err := LockName(use.ref)
		if use.node != platform || err != nil {
			continue
		}
		out = append(out, Base{Name: use.Name, Ref: ref, Digest: p.locked[use.ref].Digest, Platform: use.Platform, Tool: use.tool})
	}
	return out
}

// External returns the images without a digest that are not the workspace's,
// sorted by name.
func (r *Resolved) External() []ExternalImage {
	images := map[string]*ExternalImage{}
	for _, p := range r.Packages {
		for _, use := range p.external {
			name, pinned, err := LockName(use.ref)
			if err != nil || pinned {
				continue
			}
			if images[name] == nil {
				images[name] = &ExternalImage{Name: name}
			}
			images[name].Packages = append(images[name].Packages, p.Name)
			images[name].Platforms = append(images[name].Platforms, use.Platform)
		}
	}
	var out []ExternalImage
	for _, name := range sortedKeys(images) {
		e := images[name]
		slices.Sort(e.Packages)
		slices.Sort(e.Platforms)
		e.Packages, e.Platforms = slices.Compact(e.Packages), slices.Compact(e.Platforms)
		out = append(out, *e)
	}
	return out
}

// unlocked remarks that images are taken as their tags happen to point, of
// the packages in the plan.
func (m *maker) unlocked() []Diagnostic {
	if m.r.locked {
		return nil
	}
	var names []string
	for _, e := range m.r.External() {
		if slices.ContainsFunc(e.Packages, func(p string) bool { return m.images[p] != nil }) {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	first, n := names[0], len(names)
	if named, err := reference.ParseNormalizedNamed(first); err == nil {
		first = reference.FamiliarString(named)
	}
	return []Diagnostic{{
		Severity: "warning", Summary: "External images are not locked",
		Detail: fmt.Sprintf("%d %s, such as %s, %s taken as the tag points when a package is built, and nothing is rebuilt when it moves. \"stowage lock\" pins by digest.",
			n, plural(n, "image"), first, plural(n, "is")),
	}}
}

// plural is the word for n things: of "is", "are".
func plural(n int, word string) string {
	switch {
	case n == 1:
		return word
	case word == "is":
		return "are"
	}
	return word + "s"
}
