package planner

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// useArchives gives a node the images of the workspace that its archives have:
// those for its own platform.
func (p *Package) useArchives() {
	for _, a := range p.Archives {
		for _, image := range a.Images {
			for _, platform := range p.Platforms {
				u := Use{Package: image.Package, Platform: platform}
				if n := p.nodes[platform]; n != nil && image.Package != "" && !slices.Contains(n.uses, u) {
					n.uses = append(n.uses, u)
				}
			}
		}
	}
}

// archives adds the archives. An image of the workspace is a dependency too,
// whose hash says what is in it.
func (w *walk) archives() {
	for _, a := range w.pkg.Archives {
		parts, through := []string{a.Format}, []string(nil)
		for _, image := range a.Images {
			kind := "image"
			if image.Package != "" {
				kind = "package"
				through = append(through, image.Package)
			}
			parts = append(parts, kind, image.Ref)
		}
		slices.Sort(through)
		w.list = append(w.list, Input{Kind: inputArchive, Name: a.Path, Digest: digest(parts...), Through: through})
	}
}

// checkArchives reports archives that would take the place of a file of the
// context.
func checkArchives(p *Package) hcl.Diagnostics {
	var diags hcl.Diagnostics
	report := func(path, other string) {
		rng := p.Range("archive." + path)
		diags = append(diags, &hcl.Diagnostic{
			Severity: hcl.DiagError, Summary: "Archive in the place of a file",
			Detail:  fmt.Sprintf("The context of package %s cannot have both the archive %s and %s. Choose another path.", p.Name, path, other),
			Subject: &rng,
		})
	}
	for i, a := range p.Archives {
		for _, f := range p.Sources.Files {
			if a.Collides(f.Path) {
				report(a.Path, "the file "+f.Path)
			}
		}
		for _, other := range p.Archives[:i] {
			if a.Collides(other.Path) {
				report(a.Path, "the archive "+other.Path)
			}
		}
	}
	return diags
}
