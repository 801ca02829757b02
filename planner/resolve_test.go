package planner_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/planner"
)

// analyzers are those that resolution is tested with: the tests' own and the
// one that is shipped.
var analyzers = map[string]planner.Dockerfiles{"lines": lineAnalyzer{}, "buildkit": dockerfile.Analyzer{}}

// withAnalyzers runs a test with each of them.
func withAnalyzers(t *testing.T, test func(t *testing.T, d planner.Dockerfiles)) {
	t.Helper()
	for name, d := range analyzers {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

// inline is a workspace of packages without contexts of their own: attributes
// by package name, "FROM scratch" where there is no Dockerfile.
func inline(packages map[string]string) tree {
	var b strings.Builder
	b.WriteString(header)
	for _, name := range slices.Sorted(mapKeys(packages)) {
		attributes := packages[name]
		if !strings.Contains(attributes, "dockerfile") {
			attributes += "\n  dockerfile_inline = \"FROM scratch\""
		}
		fmt.Fprintf(&b, "\npackage %q {\n  %s\n}\n", name, attributes)
	}
	return tree{"stowage.hcl": b.String()}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// from is the attribute of a Dockerfile of these lines.
func from(lines ...string) string {
	return fmt.Sprintf("dockerfile_inline = <<EOT\n%s\nEOT", strings.Join(lines, "\n"))
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  got  %q\n  want %q", what, got, want)
	}
}

func summaries(diags hcl.Diagnostics) []string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary)
	}
	return out
}

func TestResolveReportsEveryMistakeAtOnce(t *testing.T) {
	s := newSetup(t, tree{
		"stowage.hcl": header + `
package "cyclic1" {
  dockerfile_inline = "FROM scratch"
  args = { A = package.cyclic2.ref }
}
package "cyclic2" {
  dockerfile_inline = "FROM registry.test/acme/cyclic1"
}
package "broken" {
  context = "broken"
}
package "above" {
  context   = "above"
  args      = { BASE = package.broken.ref }
  labels    = { first = package.broken.platforms[0] }
}
package "gone" {
  context = "gone"
}
package "ongone" {
  args              = { BASE = package.gone.ref }
  labels            = { first = package.gone.platforms[0] }
  dockerfile_inline = "ARG BASE\nFROM $BASE\nNONSENSE"
}
package "badtag" {
  dockerfile_inline = "FROM scratch"
  tag = "${self.hash}/x"
}
package "onbadtag" {
  args = { BASE = package.badtag.ref }
  dockerfile_inline = "ARG BASE\nFROM $BASE"
}
package "name" {
  context = "name"
}
package "fine" {
  dockerfile_inline = "FROM scratch"
}
package "narrow" {
  dockerfile_inline = "FROM scratch"
  platforms = ["linux/amd64"]
}
package "wide" {
  dockerfile_inline = "FROM registry.test/acme/narrow"
}
package "tree" {
  dockerfile_inline = "FROM scratch"
  cache_mode = "git-tree"
}
`,
		"broken/Dockerfile": "FROM scratch\nNONSENSE\n",
		"above/Dockerfile":  "ARG BASE\nFROM $BASE\nMORE nonsense\n",
		"name/Dockerfile":   "FROM Not/A:Name:at:all\n",
		"gone/Dockerfile":   "FROM scratch\n",
	})
	s.sources.fail = map[string]error{"gone": fs.ErrNotExist}
	diags := s.diagnose()
	equal(t, "diagnostics", locations(diags), []string{
		"above/Dockerfile:3 Cannot read the Dockerfile of package above",
		"broken/Dockerfile:2 Cannot read the Dockerfile of package broken",
		"name/Dockerfile:1 Bad image name",
		"stowage.hcl:10 Cycle between packages",
		"stowage.hcl:24 Cannot read the context of package gone",
		"stowage.hcl:29 Cannot read the Dockerfile of package ongone",
		"stowage.hcl:33 Bad tag",
		"stowage.hcl:50 Platform missing in a dependency",
		"stowage.hcl:54 No git tree for package tree",
	})
}

func locations(diags hcl.Diagnostics) []string {
	var out []string
	for _, d := range diags {
		out = append(out, fmt.Sprintf("%s:%d %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary))
	}
	return out
}

func TestResolveReadsSources(t *testing.T) {
	s := newSetup(t, tree{
		"stowage.hcl": header + `
package "app" {
  context    = "app"
  dockerfile = "build/Dockerfile"
  contexts   = { proto = "proto" }
  source "vendor" {
    to      = "third_party"
    exclude = ["x"]
  }
}
`,
		"app/build/Dockerfile": "FROM scratch\n", "app/a": "a", "proto/p": "p", "vendor/v": "v", "vendor/x": "x",
	})
	var seen []planner.SourceSpec
	s.sources.seen = func(spec planner.SourceSpec) { seen = append(seen, spec) }
	s.sources.dirty = map[string]bool{"proto": true}
	p := s.resolve().Package("app")
	var paths []string
	for _, f := range p.Sources.Files {
		paths = append(paths, f.Path)
	}
	equal(t, "source set", paths, []string{"a", "build/Dockerfile", "third_party/v"})
	if len(seen) != 2 || seen[0].Context != "app" || seen[0].Dockerfile != "build/Dockerfile" || len(seen[0].Extra) != 1 ||
		seen[1].Context != "proto" || seen[1].Dockerfile != "" || seen[1].Extra != nil {
		t.Errorf("source sets asked for: %+v", seen)
	}
	if string(p.DockerfileContent) != "FROM scratch\n" || p.LocalContexts["proto"].Files[0].Path != "p" {
		t.Errorf("Dockerfile is %q, contexts %v", p.DockerfileContent, p.LocalContexts)
	}
	if !p.Dirty {
		t.Error("a dirty context does not make the package dirty")
	}
}

// mistake is an error that the configuration is to blame for.
type mistake struct{ error }

func (mistake) ConfigurationMistake() bool { return true }

func TestResolveTellsMistakesFromFaults(t *testing.T) {
	files := tree{
		"stowage.hcl": header + "package \"app\" {\n  context = \"app\"\n}\n", "app/Dockerfile": "FROM scratch\n",
	}
	for name, err := range map[string]error{
		"does not exist": fmt.Errorf("read app: %w", fs.ErrNotExist),
		"a mistake":      mistake{errors.New("outside the workspace")},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, files)
			s.sources.fail = map[string]error{"app": err}
			equal(t, "diagnostics", locations(s.diagnose()), []string{"stowage.hcl:8 Cannot read the context of package app"})
		})
	}
	for name, fault := range map[string]error{"permission": fs.ErrPermission, "disk": errors.New("input/output error")} {
		t.Run(name, func(t *testing.T) {
			s := newSetup(t, files)
			s.sources.fail = map[string]error{"app": fault}
			r, diags, err := planner.Resolve(t.Context(), s.load(), s.options())
			if r != nil || diags != nil || !errors.Is(err, fault) || !strings.Contains(err.Error(), "package app") {
				t.Errorf("resolve gave %v, %v, %v", r, diags, err)
			}
		})
	}
}

func TestResolveStopsWhenCancelled(t *testing.T) {
	files := inline(map[string]string{"a": "", "b": "args = { A = package.a.ref }", "c": "args = { B = package.b.ref }"})
	s := newSetup(t, files)
	ctx, cancel := context.WithCancel(t.Context())
	read := 0
	s.sources.seen = func(planner.SourceSpec) { read++; cancel() }
	r, diags, err := planner.Resolve(ctx, s.load(), s.options())
	if r != nil || diags != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("resolve gave %v, %v, %v", r, diags, err)
	}
	if read != 1 {
		t.Errorf("%d source sets were read, 1 before it was cancelled", read)
	}
}

// Whatever the goroutines do, the result and the diagnostics are the same.
func TestResolveIsDeterministic(t *testing.T) {
	right := subject()
	wrong := tree{"stowage.hcl": header, "x/Dockerfile": "NONSENSE\n"}
	for i := range 12 {
		wrong["stowage.hcl"] += fmt.Sprintf("package \"p%d\" {\n  context = \"x\"\n  args = { X = package.p%d.ref }\n}\n", i, i+1)
	}
	wrong["stowage.hcl"] += "package \"p12\" {\n  context = \"x\"\n}\n"
	var first string
	for i := range 50 {
		r := resolve(t, right)
		diags := newSetup(t, wrong).diagnose()
		all := list(diags)
		for _, p := range r.Packages {
			all += fmt.Sprintf("\n%s %s %v %v %v", p.Name, p.Ref(), p.Edges, p.Uses(amd64), r.Nodes.DependenciesOf(p.Name+":"+amd64))
		}
		if i == 0 {
			first = all
		} else if all != first {
			t.Fatalf("run %d gave\n%s\nthe first\n%s", i, all, first)
		}
	}
	if strings.Count(first, "Cannot read the Dockerfile") != 13 {
		t.Errorf("not every mistake was reported:\n%s", first)
	}
}
