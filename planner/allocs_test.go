//go:build !race

package planner_test

import (
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// TestAllocations holds what planning allocates, in objects a package: the
// numbers are what it takes today, and they are to go down. The race detector
// allocates too, so it is not for that.
func TestAllocations(t *testing.T) {
	const n = 500
	s := newSetup(t, manyPackages(n))
	ws := s.load()
	var contexts []string
	for _, d := range ws.Packages {
		contexts = append(contexts, d.Name)
	}
	opts := s.options()
	opts.Sources = newListed(t, s, contexts)
	resolved, diags, err := planner.Resolve(t.Context(), ws, opts)
	if err != nil || diags.HasErrors() {
		t.Fatal(err, list(diags))
	}
	w := &world{tb: t, r: resolved, store: newCatalog(), registry: newCatalog()}
	w.selected()
	w.stored(w.opts.Packages...)
	for _, test := range []struct {
		what string
		most float64 // a package
		do   func()
	}{
		{"resolving", 211, func() {
			if _, _, err := planner.Resolve(t.Context(), ws, opts); err != nil {
				t.Fatal(err)
			}
		}},
		{"planning with nothing to do", 22, func() { w.make() }},
	} {
		// Maps grow at moments of their own.
		if have := testing.AllocsPerRun(5, test.do) / n; have > test.most*1.02 {
			t.Errorf("%s takes %.1f allocations a package, want %.1f at most", test.what, have, test.most)
		}
	}
}
