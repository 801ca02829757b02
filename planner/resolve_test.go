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

// edges lists a package's edges as "to origin", with "*" at those that are
// order only.
func edges(r *planner.Resolved, name string) []string {
	var out []string
	for _, e := range r.Package(name).Edges {
		s := e.To + " " + e.Origin
		if e.OrderOnly {
			s += "*"
		}
		out = append(out, s)
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n  got  %q\n  want %q", what, got, want)
	}
}

func TestResolveFindsEveryKindOfEdge(t *testing.T) {
	files := inline(map[string]string{
		"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "",
		"h": "for_each = toset([\"x\", \"y\"])\n image = \"h-${each.key}\"\n" + from("FROM scratch"),
		"app": `
  args       = { A = package.a.ref }
  contexts   = { bb = package.b }
  labels     = { seven = package.g.tag, h = package.h["x"].ref }
  depends_on = [package.c]
` + from("FROM registry.test/acme/d AS first", "COPY --from=registry.test/acme/e:latest / /", "RUN --mount=type=bind,from=registry.test/acme/f true", "COPY --from=first / /", "COPY --from=alpine:3.20 / /"),
	})
	withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
		s := newSetup(t, files)
		s.dockerfiles = d
		r := s.resolve()
		equal(t, "edges", edges(r, "app"), []string{
			"a args", "b contexts", "c depends_on*", "d FROM", "e COPY --from", "f RUN --mount=from", "g labels", `h["x"] labels`,
		})
		equal(t, "dependencies", r.Graph.DependenciesOf("app"), []string{"a", "b", "c", "d", "e", "f", "g", `h["x"]`})
		equal(t, "node edges", r.Nodes.DependenciesOf("app:"+arm64), []string{
			"a:" + arm64, "b:" + arm64, "c:" + arm64, "d:" + arm64, "e:" + arm64, "f:" + arm64, "g:" + arm64, `h["x"]:` + arm64,
		})
		for _, e := range r.Package("app").Edges {
			if e.Range.Filename != "stowage.hcl" || e.Range.Start.Line == 0 {
				t.Errorf("edge to %s has the range %s", e.To, e.Range)
			}
		}
	})
}

// A name is compared as it is pulled: the default registry and library are
// written out.
func TestResolveNormalisesRepositories(t *testing.T) {
	for _, test := range []struct{ registry, name string }{
		{"docker.io/library", "base"},
		{"docker.io/library", "docker.io/library/base"},
		{"docker.io/library", "index.docker.io/library/base:latest"},
		{"index.docker.io/acme", "acme/base"},
		{"docker.io/acme", "acme/base"},
		{"docker.io/acme", "docker.io/acme/base"},
		{"localhost:5000", "localhost:5000/base"},
	} {
		t.Run(test.registry+" "+test.name, func(t *testing.T) {
			withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
				s := newSetup(t, inline(map[string]string{"base": "", "app": from("FROM " + test.name)}).
					replace(t, "stowage.hcl", "registry.test/acme", test.registry))
				s.dockerfiles = d
				equal(t, "edges", edges(s.resolve(), "app"), []string{"base FROM"})
			})
		})
	}
}

// notes lists remarks as "package: summary".
func notes(r *planner.Resolved) []string {
	var out []string
	for _, n := range r.Notes {
		out = append(out, n.Package+": "+n.Summary)
	}
	return out
}

func TestResolveExplicitTags(t *testing.T) {
	const digest = "@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	pinned := []string{"app: Pinned image of the workspace"}
	for name, test := range map[string]struct {
		base, app string // attributes
		image     string
		edges     []string
		notes     []string
	}{
		"untagged":                      {image: "base", edges: []string{"base FROM"}},
		"latest":                        {image: "base:latest", edges: []string{"base FROM"}},
		"the planned tag":               {base: `tag = "v3"`, image: "base:v3", edges: []string{"base FROM"}},
		"another tag":                   {base: `tag = "v3"`, image: "base:v2", notes: pinned},
		"another tag, hash tags":        {image: "base:v2", notes: pinned},
		"another tag, followed":         {app: `pins = "follow"`, image: "base:v2", edges: []string{"base FROM"}},
		"a digest":                      {image: "base" + digest, notes: pinned},
		"a digest, followed":            {app: `pins = "follow"`, image: "base" + digest, edges: []string{"base FROM"}},
		"latest with a digest":          {image: "base:latest" + digest, notes: pinned},
		"its own older image":           {image: "app:v1", notes: pinned},
		"its own older image, followed": {app: `pins = "follow"`, image: "app:v1", notes: pinned},
		"its own image by digest":       {image: "app" + digest, notes: pinned},
		"no package":                    {image: "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
				s := newSetup(t, inline(map[string]string{
					"base": test.base, "app": test.app + "\n" + from("FROM registry.test/acme/"+test.image),
				}))
				s.dockerfiles = d
				r := s.resolve()
				equal(t, "edges", edges(r, "app"), test.edges)
				equal(t, "notes", notes(r), test.notes)
				for _, n := range r.Notes {
					if n.Severity != "note" || n.Location == "" || !strings.Contains(n.Detail, test.image) {
						t.Errorf("note is %+v", n)
					}
				}
				if test.edges != nil {
					want := []planner.Use{{Name: "registry.test/acme/" + test.image, Package: "base", Platform: amd64}}
					if got := r.Package("app").Uses(amd64); !slices.Equal(got, want) {
						t.Errorf("uses are %+v, want %+v", got, want)
					}
				}
			})
		})
	}
}

func summaries(diags hcl.Diagnostics) []string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary)
	}
	return out
}

// A package that is named at some tag by one that it needs itself: the tag is
// made of a hash, so it cannot be the one that is named.
func TestResolveReleasesTagsThatCannotBeMeant(t *testing.T) {
	r := resolve(t, inline(map[string]string{
		"tool": from("FROM registry.test/acme/base:v0"),
		"base": from("FROM registry.test/acme/tool"),
	}))
	equal(t, "tool", edges(r, "tool"), nil)
	equal(t, "base", edges(r, "base"), []string{"tool FROM"})
	equal(t, "notes", notes(r), []string{"tool: Pinned image of the workspace"})

	// Both at once.
	r = resolve(t, inline(map[string]string{
		"a": from("FROM registry.test/acme/b:v0"),
		"b": from("FROM registry.test/acme/a:v0"),
	}))
	equal(t, "a", edges(r, "a"), nil)
	equal(t, "b", edges(r, "b"), nil)
}

// What waits for a package in such a circle without being part of it goes on
// waiting: the tag it names may well be the one that comes out.
func TestResolveReleasesOnlyWhatIsInTheCircle(t *testing.T) {
	r := resolve(t, inline(map[string]string{
		"tool": from("FROM registry.test/acme/base:v0"),
		"base": "tag = \"v1\"\n" + from("FROM registry.test/acme/tool"),
		"app":  from("FROM registry.test/acme/base:v1"),
	}))
	equal(t, "tool", edges(r, "tool"), nil)
	equal(t, "app", edges(r, "app"), []string{"base FROM"})
	equal(t, "notes", notes(r), []string{"tool: Pinned image of the workspace"})
	if !slices.ContainsFunc(r.Package("app").Inputs.List, func(in planner.Input) bool { return in.Kind == "dependency" && in.Name == "base" }) {
		t.Errorf("base is no input of app: %+v", r.Package("app").Inputs.List)
	}
}

// A tag that is written out can be the one that is named, and then it is a
// cycle.
func TestResolveCycleThroughAWrittenTag(t *testing.T) {
	diags := newSetup(t, inline(map[string]string{
		"tool": from("FROM registry.test/acme/base:v1"),
		"base": "tag = \"v1\"\n" + from("FROM registry.test/acme/tool"),
	})).diagnose()
	equal(t, "diagnostics", summaries(diags), []string{"Cycle between packages"})
	for _, part := range []string{"base → tool → base", "base needs tool: FROM", "tool needs base: FROM"} {
		if !strings.Contains(diags[0].Detail, part) {
			t.Errorf("the detail has no %q: %s", part, diags[0].Detail)
		}
	}
}

func TestResolveReportsCycles(t *testing.T) {
	withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
		s := newSetup(t, tree{
			"stowage.hcl": header + `
package "a" {
  context = "a"
}
package "b" {
  dockerfile_inline = "FROM scratch"
  args = { C = package.c.ref }
}
package "c" {
  dockerfile_inline = "FROM scratch"
  contexts = { d = package.d }
}
package "d" {
  dockerfile_inline = "FROM scratch"
  depends_on = [package.a]
}
package "apart" {
  dockerfile_inline = "FROM scratch"
}
`,
			"a/Dockerfile": "FROM scratch\nCOPY --from=registry.test/acme/b / /\n",
		})
		s.dockerfiles = d
		diags := s.diagnose()
		equal(t, "diagnostics", summaries(diags), []string{"Cycle between packages"})
		const want = `a → b → c → d → a. Each of these needs the next one to be built first:
  a needs b: COPY --from at a/Dockerfile:2,1
  b needs c: args at stowage.hcl:13,16
  c needs d: contexts at stowage.hcl:17,20
  d needs a: depends_on at stowage.hcl:21,17`
		if diags[0].Detail != want {
			t.Errorf("the detail is\n%s\nwant\n%s", diags[0].Detail, want)
		}
		if diags[0].Subject == nil || diags[0].Subject.Filename != "a/Dockerfile" || diags[0].Subject.Start.Line != 2 {
			t.Errorf("the subject is %s", diags[0].Subject)
		}
	})
}

func TestResolveReportsAPackageMadeFromItself(t *testing.T) {
	diags := newSetup(t, inline(map[string]string{"a": from("FROM registry.test/acme/a")})).diagnose()
	equal(t, "diagnostics", summaries(diags), []string{"Cycle between packages"})
	if !strings.Contains(diags[0].Detail, "a → a") {
		t.Errorf("the detail is %s", diags[0].Detail)
	}
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
		"stowage.hcl:54 Not supported yet",
	})
}

func locations(diags hcl.Diagnostics) []string {
	var out []string
	for _, d := range diags {
		out = append(out, fmt.Sprintf("%s:%d %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary))
	}
	return out
}

func TestResolvePlatformMissingInADependency(t *testing.T) {
	for name, app := range map[string]string{
		"FROM":                          from("FROM registry.test/acme/base"),
		"contexts":                      "contexts = { base = package.base }\n" + from("FROM base"),
		"a context that no stage names": `contexts = { base = package.base }`,
		"FROM --platform":               "platforms = [\"linux/amd64\"]\n" + from("FROM --platform=linux/arm64 registry.test/acme/base"),
	} {
		t.Run(name, func(t *testing.T) {
			withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
				s := newSetup(t, inline(map[string]string{"base": `platforms = ["linux/amd64"]`, "app": app}))
				s.dockerfiles = d
				diags := s.diagnose()
				equal(t, "diagnostics", summaries(diags), []string{"Platform missing in a dependency"})
				for _, part := range []string{"Package app for linux/", "needs package base for linux/arm64", "declares only linux/amd64"} {
					if !strings.Contains(diags[0].Detail, part) {
						t.Errorf("the detail has no %q: %s", part, diags[0].Detail)
					}
				}
			})
		})
	}
}

// An edge that is no use of an image needs no matching platform: it is to all
// nodes of the other package then.
func TestResolveEdgeWithoutTheSamePlatform(t *testing.T) {
	r := resolve(t, inline(map[string]string{
		"lint": `platforms = ["linux/amd64", "linux/s390x"]`,
		"app":  `depends_on = [package.lint]`,
	}))
	equal(t, "amd64", r.Nodes.DependenciesOf("app:"+amd64), []string{"lint:" + amd64})
	equal(t, "arm64", r.Nodes.DependenciesOf("app:"+arm64), []string{"lint:" + amd64, "lint:linux/s390x"})
}

func TestResolveBuildPlatform(t *testing.T) {
	const builder = `
builder "arm" {
  endpoint  = "unix:///run/arm.sock"
  platforms = ["linux/arm64", "linux/amd64"]
  native    = "linux/arm64"
}
`
	type node struct {
		needs  string
		native string
	}
	for name, test := range map[string]struct {
		builder string
		from    string
		want    map[string]node // by platform
	}{
		"plain":           {from: "", want: map[string]node{amd64: {needs: amd64}, arm64: {needs: arm64}}},
		"target platform": {from: "--platform=$TARGETPLATFORM", want: map[string]node{amd64: {needs: amd64}, arm64: {needs: arm64}}},
		"build platform": {
			from: "--platform=$BUILDPLATFORM",
			want: map[string]node{amd64: {amd64, amd64}, arm64: {amd64, amd64}},
		},
		"build platform of a declared builder": {
			builder: builder, from: "--platform=$BUILDPLATFORM",
			want: map[string]node{amd64: {arm64, arm64}, arm64: {arm64, arm64}},
		},
		"written platform": {
			from: "--platform=linux/amd64",
			want: map[string]node{amd64: {needs: amd64}, arm64: {needs: amd64}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
				files := inline(map[string]string{"base": "", "app": from("FROM " + test.from + " registry.test/acme/base")})
				s := newSetup(t, files.with(tree{"stowage.hcl": files["stowage.hcl"] + test.builder}))
				s.dockerfiles = d
				r := s.resolve()
				for platform, want := range test.want {
					equal(t, platform, r.Nodes.DependenciesOf("app:"+platform), []string{"base:" + want.needs})
					if got := r.Package("app").NativeOnly(platform); got != want.native {
						t.Errorf("%s is bound to builders of %q, want %q", platform, got, want.native)
					}
				}
			})
		})
	}
}

// An image that is not the workspace's may be used by any builder.
func TestResolveBuildPlatformOfAnExternalImage(t *testing.T) {
	r := resolve(t, inline(map[string]string{"app": from("FROM --platform=$BUILDPLATFORM golang:1.26")}))
	if got := r.Package("app").NativeOnly(arm64); got != "" {
		t.Errorf("bound to builders of %q", got)
	}
}

// The tag of a dependency is in the argument, and its hash in the dependent's.
func TestResolveArgumentOfAnotherReference(t *testing.T) {
	withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
		s := newSetup(t, inline(map[string]string{
			"base": "",
			"mid":  "args = { BASE = package.base.ref }\n" + from("ARG BASE", "FROM $BASE"),
			"app":  "args = { BASE = \"${package.mid.image}:${package.mid.tag}\" }\n" + from("ARG BASE", "FROM $BASE"),
		}))
		s.dockerfiles = d
		r := s.resolve()
		for _, pair := range [][2]string{{"mid", "base"}, {"app", "mid"}} {
			p, dep := r.Package(pair[0]), r.Package(pair[1])
			if p.Args["BASE"] != dep.Ref() || dep.Tag != dep.Hash[:40] {
				t.Errorf("%s has BASE = %s; %s is %s", p.Name, p.Args["BASE"], dep.Name, dep.Ref())
			}
			equal(t, p.Name, edges(r, p.Name), []string{dep.Name + " FROM", dep.Name + " args"})
			want := []planner.Use{{Name: dep.Ref(), Package: dep.Name, Platform: amd64}}
			if got := p.Uses(amd64); !slices.Equal(got, want) {
				t.Errorf("%s uses %+v", p.Name, got)
			}
			equal(t, "notes", notes(r), nil)
		}
	})
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
