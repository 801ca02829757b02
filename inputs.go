package stowage

import (
	"context"
	"fmt"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// Inputs returns what a package's hash was made of: of the hash that it has
// now, of its last build, or of any that is in the store or, unless offline,
// in the registry. hash is an input hash, or at least the first 12 digits of
// one; those in the registry need 40. With cache_mode = "git-tree" it may also
// be the tree id in a tag, whole.
func (w *Workspace) Inputs(ctx context.Context, p *planner.Package, hash string, offline bool) (*planner.Inputs, error) {
	if len(hash) < 12 || strings.Trim(hash, "0123456789abcdef") != "" {
		return nil, fmt.Errorf("%q is no hash: write at least 12 of its digits", hash)
	}
	fits := func(in *planner.Inputs) bool { return in != nil && strings.HasPrefix(in.Hash, hash) }
	if fits(p.Inputs) {
		return p.Inputs, nil
	}
	last, err := w.history.LastInputs(p.Repository, p.Name)
	if err != nil || fits(last) {
		return last, err
	}
	kept, err := w.keepers(offline)
	if err != nil {
		return nil, err
	}
	tagged := tagOf(p, hash)
	refs, err := w.refsOf(ctx, p, hash)
	if err != nil {
		return nil, err
	}
	if tagged != "" {
		refs = append([]string{tagged}, refs...)
	}
	for _, from := range kept {
		for _, ref := range refs {
			in, err := readInputs(ctx, from, ref)
			if err != nil {
				return nil, err
			}
			if fits(in) || in != nil && ref == tagged && in.Package == p.Name {
				return in, nil
			}
		}
	}
	hint := ""
	if p.CacheMode == "git-tree" {
		hint = "; in the registry its images are found by the whole tree id that is their tag"
	}
	return nil, fmt.Errorf("nothing is known of the hash %s of package %s: it is neither what it has now, nor that of its last build here, nor of an image in the store or the registry that has its inputs beside it%s", hash, p.Name, hint)
}

// keeper is a store or registry that keeps artifacts beside images.
type keeper interface {
	Attached(ctx context.Context, ref, artifactType string) ([]byte, error)
}

// keepers are the store and, unless offline, the registry.
func (w *Workspace) keepers(offline bool) ([]keeper, error) {
	var out []keeper
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	if k, ok := store.(keeper); ok {
		out = append(out, k)
	}
	if offline {
		return out, nil
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	if k, ok := remote.(keeper); ok {
		out = append(out, k)
	}
	return out, nil
}

// readInputs returns the inputs beside what is under ref, nil when there are
// none that can be believed: they are advice.
func readInputs(ctx context.Context, from keeper, ref string) (*planner.Inputs, error) {
	data, err := from.Attached(ctx, ref, planner.InputsType)
	if err != nil || data == nil {
		return nil, err
	}
	in, err := planner.UnmarshalInputs(data)
	if err != nil {
		return nil, nil
	}
	return in, nil
}

// lister is a store that can say what it has.
type lister interface {
	RefsOfHash(ctx context.Context, repository, hash string) ([]string, error)
}

// tagOf is the reference that the package's image of a hash has, or in git-tree
// mode that of a tree id; "" when that cannot be said.
func tagOf(p *planner.Package, hash string) string {
	const digits = 40 // in tags, and of SHA-1 object ids
	if len(hash) < digits || !strings.Contains(p.Tag, p.TagHash) {
		return ""
	}
	if p.CacheMode != "git-tree" {
		hash = hash[:digits]
	}
	return p.Repository + ":" + strings.ReplaceAll(p.Tag, p.TagHash, hash)
}

// refsOf are the references that the store has an image of a hash under.
func (w *Workspace) refsOf(ctx context.Context, p *planner.Package, hash string) ([]string, error) {
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	l, ok := store.(lister)
	if !ok {
		return nil, nil
	}
	return l.RefsOfHash(ctx, p.Repository, hash)
}

// records remembers what packages were built from: here, or else, so that
// another machine can explain too, by what a moving tag points at.
type records struct {
	w       *Workspace
	offline bool
}

// LastInputs returns the inputs of the package's last build, or nil.
func (r records) LastInputs(ctx context.Context, p *planner.Package) (*planner.Inputs, error) {
	last, err := r.w.history.LastInputs(p.Repository, p.Name)
	if err != nil || last != nil || len(p.ExtraTags) == 0 {
		return last, err
	}
	kept, err := r.w.keepers(r.offline)
	if err != nil {
		return nil, err
	}
	for _, from := range kept {
		for _, tag := range p.ExtraTags {
			in, err := readInputs(ctx, from, p.Repository+":"+tag)
			if err != nil || (in != nil && in.Package == p.Name) {
				return in, err
			}
		}
	}
	return nil, nil
}
