package planner_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

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

func TestResolveFindsEveryKindOfEdge(t *testing.T) {
	files := inline(map[string]string{
		"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "",
		"h": "for_each = toset([\"x\", \"y\"])\n image = \"h-${each.key}\"\n" + from("FROM scratch"),
		"app": `
  args       = { A = package.a.ref }
  contexts   = { bb = package.b }
  labels     = { seven = package.g.tag, h = package.h["x"].ref }
  depends_on = [package.c]
` + from("FROM registry.test/acme/d AS first", "COPY --from=registry.test/acme/e:latest / /", "RUN --mount=type=bind,from=registry.test/acme/f true", "FROM scratch", "COPY --from=first / /", "COPY --from=alpine:3.20 / /"),
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
		"build platform of a builder that says only what it is": {
			builder: "builder \"arm\" {\n  endpoint = \"unix:///run/arm.sock\"\n  native = \"linux/arm64\"\n}\n", from: "--platform=$BUILDPLATFORM",
			want: map[string]node{amd64: {arm64, arm64}, arm64: {arm64, arm64}},
		},
		"build platform of a builder that says nothing": {
			builder: "builder \"a\" {\n  endpoint = \"unix:///run/a.sock\"\n}\n" + builder, from: "--platform=$BUILDPLATFORM",
			want: map[string]node{amd64: {amd64, amd64}, arm64: {amd64, amd64}},
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

// What a build is told about itself does not reach the names of its bases, so
// that it is built on what was planned.
func TestArgumentsOfNamesAreNotTold(t *testing.T) {
	files := inline(map[string]string{"app": from("ARG REVISION=3.20", "ARG GOPKGVERSION=1", "FROM alpine:$REVISION", "ARG SOURCE",
		"ARG REVISION", "ARG GOPKGVERSION")})
	withAnalyzers(t, func(t *testing.T, d planner.Dockerfiles) {
		s := newSetup(t, files)
		s.dockerfiles = d
		equal(t, "arguments", s.resolve().Package("app").DockerfileArgs, []string{"GOPKGVERSION", "SOURCE"})
	})
}
