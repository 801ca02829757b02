package planner

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// checkRefs refuses two packages with one reference and different inputs: one
// would be taken for the other. It refuses one moving tag that two packages
// would both move, too.
func (r *resolver) checkRefs() {
	if r.diags.HasErrors() {
		return
	}
	refs, moving := map[string]*Package{}, map[string]*Package{}
	for _, name := range r.names {
		p := r.entries[name].pkg
		if other := refs[p.Ref()]; other != nil && other.Hash != p.Hash {
			r.diags = append(r.diags, clash(p, other, "tag", p.Ref(), "have different inputs"))
		}
		refs[p.Ref()] = p
		for _, tag := range p.ExtraTags {
			ref := p.Repository + ":" + tag
			if other := moving[ref]; other != nil && other != p {
				r.diags = append(r.diags, clash(p, other, "extra_tags", ref, "would both move it"))
			}
			moving[ref] = p
		}
	}
}

func clash(p, other *Package, attribute, ref, why string) *hcl.Diagnostic {
	rng, first := p.Range(attribute), other.Range(attribute)
	return &hcl.Diagnostic{
		Severity: hcl.DiagError, Summary: "Two packages with one reference",
		Detail: fmt.Sprintf("Packages %s (at %s) and %s both come out as %s and %s. Give one of them another image or tag.",
			other.Name, shortLocation(first), p.Name, ref, why),
		Subject: &rng,
	}
}
