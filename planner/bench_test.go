package planner_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// manyPackages is a workspace of n packages in layers of 50: each has ten
// files, an argument made of a package of the layer below, and two images
// from there.
func manyPackages(n int) tree {
	var b strings.Builder
	b.WriteString(header)
	files := tree{}
	const layer = 50
	for i := range n {
		dir := fmt.Sprintf("p%05d", i)
		fmt.Fprintf(&b, "package %q {\n  context = %q\n", dir, dir)
		lines := []string{"FROM scratch"}
		if i >= layer {
			below := func(k int) string { return fmt.Sprintf("p%05d", i-i%layer-layer+(i+k)%layer) }
			fmt.Fprintf(&b, "  args = { BASE = package.%s.ref }\n", below(0))
			lines = []string{"ARG BASE", "FROM $BASE", "COPY --from=registry.test/acme/" + below(7) + " / /", "COPY --from=registry.test/acme/p00000 / /"}
		}
		b.WriteString("}\n")
		files[dir+"/Dockerfile"] = strings.Join(lines, "\n")
		for k := range 10 {
			files[fmt.Sprintf("%s/file%d", dir, k)] = dir
		}
	}
	files["stowage.hcl"] = b.String()
	return files
}

// listed are source sets made beforehand, so that reading them takes no time.
type listed struct {
	planner.Sources
	sets map[string]*planner.SourceSet
}

func newListed(tb testing.TB, s *setup, contexts []string) listed {
	tb.Helper()
	l := listed{s.sources, map[string]*planner.SourceSet{}}
	for _, dir := range contexts {
		set := &planner.SourceSet{}
		for _, name := range []string{"Dockerfile", "file0", "file1", "file2", "file3", "file4", "file5", "file6", "file7", "file8", "file9"} {
			set.Files = append(set.Files, entryOf(name, s.files[dir+"/"+name]))
		}
		l.sets[dir] = set
	}
	return l
}

// BenchmarkPlan resolves and plans a loaded workspace: with nothing built, and
// with everything in the store.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		s := newSetup(b, manyPackages(n))
		ws := s.load()
		var contexts []string
		for _, d := range ws.Packages {
			contexts = append(contexts, d.Name)
		}
		opts := s.options()
		opts.Sources = newListed(b, s, contexts)
		resolved, diags, err := planner.Resolve(b.Context(), ws, opts)
		if err != nil || diags.HasErrors() {
			b.Fatal(err, list(diags))
		}
		b.Run(fmt.Sprintf("resolve/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := planner.Resolve(b.Context(), ws, opts); err != nil {
					b.Fatal(err)
				}
			}
		})
		w := &world{tb: b, r: resolved, store: newCatalog(), registry: newCatalog()}
		w.selected()
		b.Run(fmt.Sprintf("all-to-build/%d", n), w.bench)
		w.stored(w.opts.Packages...)
		b.Run(fmt.Sprintf("nothing-to-do/%d", n), w.bench)
	}
}

func (w *world) bench(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		w.make()
	}
}

func (l listed) Set(_ context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	return l.sets[spec.Context], nil
}

// BenchmarkResolveHub resolves packages that all mention the same few.
func BenchmarkResolveHub(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		const hubs = 10
		var root strings.Builder
		root.WriteString(header)
		for i := range n {
			fmt.Fprintf(&root, "package \"p%05d\" {\n  dockerfile_inline = \"FROM scratch\"\n  args = {\n", i)
			for k := range hubs {
				if i >= hubs {
					fmt.Fprintf(&root, "    A%d = package.p%05d.ref\n", k, k)
				}
			}
			root.WriteString("  }\n}\n")
		}
		s := newSetup(b, tree{"stowage.hcl": root.String()})
		ws := s.load()
		opts := s.options()
		opts.Sources = listed{s.sources, map[string]*planner.SourceSet{".": {}}}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := planner.Resolve(b.Context(), ws, opts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
