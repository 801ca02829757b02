package planner_test

import (
	"strings"
	"testing"
)

func fleet() tree {
	files := tree{"stowage.hcl": header + `
package "base" {
  dockerfile_inline = "FROM scratch"
}
group "all-lint" {
  packages = ["lint-*"]
}
group "tools" {
  packages = [package.base, "@all-lint", "app[\"api\"]"]
}
`,
		"pkg/app/stowage.hcl": `
package "app" {
  for_each          = toset(["api", "worker", "a/b"])
  image             = "app-${replace(each.key, "/", "-")}"
  dockerfile_inline = "FROM registry.test/acme/base"
}
`,
		"pkg/deep/er/stowage.hcl": "package \"deeper\" {\n  dockerfile_inline = \"FROM registry.test/acme/app-api\"\n}\n",
		"pkg/deepest/stowage.hcl": "package \"deepest\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n",
		"tools/stowage.hcl":       "package \"lint-go\" {\n  dockerfile_inline = \"FROM scratch\"\n}\npackage \"lint-sh\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n",
	}
	return files
}

func TestSelect(t *testing.T) {
	r := resolve(t, fleet())
	all := []string{`app["a/b"]`, `app["api"]`, `app["worker"]`, "base", "deeper", "deepest", "lint-go", "lint-sh"}
	apps := all[:3]
	for name, test := range map[string]struct {
		args []string
		dir  string
		want []string
	}{
		"nothing is everything":    {want: all},
		"a name":                   {args: []string{"base"}, want: []string{"base"}},
		"an instance":              {args: []string{`app["api"]`}, want: []string{`app["api"]`}},
		"an instance with a slash": {args: []string{`app["a/b"]`}, want: []string{`app["a/b"]`}},
		"a block":                  {args: []string{"app"}, want: apps},
		"every instance":           {args: []string{`app["*"]`}, want: apps},
		"some instances":           {args: []string{`app["a*"]`}, want: apps[:2]},
		"a glob":                   {args: []string{"lint-*"}, want: []string{"lint-go", "lint-sh"}},
		"a glob of one letter":     {args: []string{"lint-g?"}, want: []string{"lint-go"}},
		"a star":                   {args: []string{"*"}, want: all},
		"two that meet":            {args: []string{"lint-go", "lint-*", "lint-go"}, want: []string{"lint-go", "lint-sh"}},
		"a group":                  {args: []string{"@all-lint"}, want: []string{"lint-go", "lint-sh"}},
		"a group of groups":        {args: []string{"@tools"}, want: []string{`app["api"]`, "base", "lint-go", "lint-sh"}},
		"the root":                 {args: []string{"."}, dir: ".", want: all},
		"a directory":              {args: []string{"./tools"}, dir: ".", want: []string{"lint-go", "lint-sh"}},
		"a directory, no dot":      {args: []string{"pkg/app"}, dir: ".", want: apps},
		"a directory above":        {args: []string{"./pkg/deep"}, dir: ".", want: []string{"deeper"}},
		"a directory, last slash":  {args: []string{"./tools/"}, dir: ".", want: []string{"lint-go", "lint-sh"}},
		"from elsewhere":           {args: []string{"../app"}, dir: "pkg/deep", want: apps},
		"here":                     {args: []string{"."}, dir: "pkg/deep", want: []string{"deeper"}},
		"above":                    {args: []string{".."}, dir: "pkg/deep", want: []string{`app["a/b"]`, `app["api"]`, `app["worker"]`, "deeper", "deepest"}},
		"from the root":            {args: []string{"/tools"}, dir: "pkg/deep", want: []string{"lint-go", "lint-sh"}},
		"the root, from the root":  {args: []string{"/"}, dir: "pkg/deep", want: all},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.Select(test.args, test.dir)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "selected", got, test.want)
		})
	}
}

func TestSelectErrors(t *testing.T) {
	r := resolve(t, fleet())
	for name, test := range map[string]struct {
		arg, want string
	}{
		"unknown name":      {"nothing-like-it", `no package is called "nothing-like-it"; stowage list`},
		"a slip":            {"deepr", `did you mean "deeper"?`},
		"unknown instance":  {`app["apo"]`, `did you mean "app[\"api\"]"?`},
		"a glob of nothing": {"zzzzzzzz*", "no package is called"},
		"bad glob":          {`lint-\`, "bad glob"},
		"unknown group":     {"@nothing-like-it", `no group is called "nothing-like-it"`},
		"a group's slip":    {"@tool", `did you mean "tools"?`},
		"empty directory":   {"./pkg/none", "no package is declared, or has its context, in or below pkg/none"},
		"prefix of another": {"./pkg/dee", "no package is declared"},
		"outside":           {"../..", "outside the workspace"},
		"no name":           {"", "no package is called"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.Select([]string{"base", test.arg}, ".")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Select gave %q, %v; want an error with %q", got, err, test.want)
			}
		})
	}
}

// Groups that contain each other are refused, not followed for ever; loading
// finds them too, so they are made here by hand.
func TestSelectGroupCycle(t *testing.T) {
	r := resolve(t, fleet())
	for _, g := range r.Workspace.Groups {
		if g.Name == "all-lint" {
			g.Packages = append(g.Packages, "@tools")
		}
	}
	_, err := r.Select([]string{"@tools"}, ".")
	if err == nil || !strings.Contains(err.Error(), "tools → all-lint → tools") {
		t.Errorf("Select gave %v", err)
	}
}

func TestWithDependents(t *testing.T) {
	r := resolve(t, fleet())
	equal(t, "of base", r.WithDependents([]string{"base"}), []string{`app["a/b"]`, `app["api"]`, `app["worker"]`, "base", "deeper"})
	equal(t, "of two", r.WithDependents([]string{"deeper", "lint-go"}), []string{"deeper", "lint-go"})
	equal(t, "of none", r.WithDependents(nil), nil)
}

// TestSelectByContext: a package that is declared at the root is selected by the
// directory that it is made of.
func TestSelectByContext(t *testing.T) {
	r := resolve(t, tree{
		"stowage.hcl":             "workspace {\n  name      = \"w\"\n  registry  = \"registry.test\"\n  platforms = [\"linux/amd64\"]\n}\npackage \"web\" {\n  context = \"services/web\"\n}\npackage \"webby\" {\n  context = \"services/webby\"\n}\n",
		"services/web/Dockerfile": "FROM scratch\n", "services/webby/Dockerfile": "FROM scratch\n",
	})
	for arg, want := range map[string][]string{"./services/web": {"web"}, "./services": {"web", "webby"}} {
		got, err := r.Select([]string{arg}, ".")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, arg, got, want)
	}
}
