package planner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

// dirtyDigits is how many digits of the source set's hash are in the tag of a
// dirty package in git-tree mode.
const dirtyDigits = 7

// contentMode reports whether the package's tags are made of its input hash,
// and not of git tree ids.
func contentMode(p *schema.Package) bool { return p.CacheMode == "" || p.CacheMode == "content" }

// readTree finds the git tree id that the package's tags are made of.
func (r *resolver) readTree(ctx context.Context, p *Package) (hcl.Diagnostics, error) {
	if contentMode(p.Package) {
		return nil, nil
	}
	if r.opts.Trees == nil {
		return treeMistake(p, "The workspace is in no git repository, so there are no tree ids"), nil
	}
	dirs := []string{p.Context}
	for _, s := range p.Package.Sources {
		dirs = append(dirs, s.Path)
	}
	var err error
	p.treeID, err = r.opts.Trees.TreeID(ctx, dirs)
	if err != nil && isConfigurationMistake(err) {
		return treeMistake(p, capitalised(err.Error())), nil
	}
	return nil, err
}

func treeMistake(p *Package, problem string) hcl.Diagnostics {
	rng := p.Range("cache_mode")
	return hcl.Diagnostics{{
		Severity: hcl.DiagError, Summary: "No git tree for package " + p.Name,
		Detail:  problem + ". Commit the package, or leave cache_mode out: tags are then made of the input hash.",
		Subject: &rng,
	}}
}

// tagHash is what the package's tags are made of.
func (p *Package) tagHash() string {
	switch {
	case contentMode(p.Package):
		return p.Hash[:tagDigits]
	case p.Dirty:
		return p.treeID + "-dirty-" + p.setHash()[:dirtyDigits]
	}
	return p.treeID
}

// setHash is the hash of the source set alone.
func (p *Package) setHash() string {
	w := walk{pkg: p}
	w.files(inputFile, "", p.Sources)
	return sum(w.list)
}

// TreeWarnings warns of inputs that git tree ids say nothing of: when only they
// change, tags stay and nothing is built. There is one for each cache_mode that
// is written.
func (r *Resolved) TreeWarnings() hcl.Diagnostics {
	affected, order := map[hcl.Range][]*Package{}, []hcl.Range{}
	for _, p := range r.Packages {
		if contentMode(p.Package) || len(unseenByTree(p)) == 0 {
			continue
		}
		rng := p.Range("cache_mode")
		if affected[rng] == nil {
			order = append(order, rng)
		}
		affected[rng] = append(affected[rng], p)
	}
	var diags hcl.Diagnostics
	for _, rng := range order {
		diags = append(diags, treeWarning(rng, affected[rng]))
	}
	return diags
}

func treeWarning(rng hcl.Range, packages []*Package) *hcl.Diagnostic {
	unseen := map[string][]string{}
	for _, p := range packages {
		for _, what := range unseenByTree(p) {
			unseen[what] = append(unseen[what], p.Name)
		}
	}
	var list strings.Builder
	for _, what := range slices.Sorted(maps.Keys(unseen)) {
		fmt.Fprintf(&list, "\n  %s: %s", what, someOf(unseen[what]))
	}
	return &hcl.Diagnostic{
		Severity: hcl.DiagWarning, Summary: "Git tree ids do not say all that decides results",
		Detail: "A git tree id changes with the files only. When nothing changes but one of these, the tag stays the same and what is published under it is used:" +
			list.String(),
		Subject: &rng,
	}
}

// unseenByTree are the kinds of inputs that p has and its tree id says nothing
// of.
func unseenByTree(p *Package) []string {
	var kinds []string
	if len(p.Args) > 0 {
		kinds = append(kinds, "args")
	}
	if len(p.Archives) > 0 {
		kinds = append(kinds, "archives")
	}
	if len(p.external) > 0 {
		kinds = append(kinds, "base images")
	}
	if len(inputPackages(p.Edges)) > 0 {
		kinds = append(kinds, "dependencies")
	}
	return kinds
}

// someOf names a few and counts the rest.
func someOf(names []string) string {
	const few = 3
	if len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
