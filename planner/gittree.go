package planner

import (
	"context"
	"fmt"

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

// warnTree warns of inputs that a git tree id says nothing of: when only they
// change, the tag stays and nothing is built.
func warnTree(p *Package) hcl.Diagnostics {
	if contentMode(p.Package) {
		return nil
	}
	what := ""
	switch {
	case len(inputPackages(p.Edges)) > 0:
		what = "the packages it depends on"
	case len(p.Args) > 0:
		what = "its args"
	case len(p.Archives) > 0:
		what = "its archives"
	case len(p.external) > 0:
		what = "its base images"
	default:
		return nil
	}
	rng := p.Range("cache_mode")
	return hcl.Diagnostics{{
		Severity: hcl.DiagWarning, Summary: "Tags of package " + p.Name + " do not say all that decides its result",
		Detail:  fmt.Sprintf("A git tree id changes with the files only. When %s change, the tag stays the same and what is published under it is used.", what),
		Subject: &rng,
	}}
}
