package planner_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

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
