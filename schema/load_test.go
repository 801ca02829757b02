package schema_test

import (
	"errors"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

// tree makes a file system of a root with the given text after its workspace
// block, a Dockerfile, and more files.
func tree(root string, files ...string) fstest.MapFS {
	out := fstest.MapFS{
		"stowage.hcl": {Data: []byte("workspace {\n  name     = \"test\"\n  registry = \"r.example\"\n}\n" + root)},
		"Dockerfile":  {Data: []byte("FROM scratch\n")},
	}
	for i := 0; i+1 < len(files); i += 2 {
		out[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return out
}

func load(t *testing.T, fsys fs.FS, opts schema.Options) *schema.Workspace {
	t.Helper()
	ws, diags := schema.Load(fsys, opts)
	fail(t, diags)
	return ws
}

// packagesOf loads and evaluates everything.
func packagesOf(t *testing.T, fsys fs.FS, opts schema.Options) map[string]*schema.Package {
	t.Helper()
	packages, _ := evaluateAll(t, load(t, fsys, opts))
	return packages
}

// summaries are the diagnostics' summaries.
func summaries(diags hcl.Diagnostics) []string {
	var out []string
	for _, d := range diags {
		out = append(out, d.Summary)
	}
	return out
}

func TestForEach(t *testing.T) {
	packages := packagesOf(t, tree(`
package "app" {
  for_each          = { api = 1, worker = 2 }
  dockerfile_inline = "FROM scratch"
  args              = { KEY = each.key, VALUE = each.value, SELF = self.name }
}
package "none" {
  for_each = {}
}
package "all" {
  args       = { COUNT = length(package.app), NONE = length(package.none), REFS = join(",", [for k, p in package.app : p.ref]) }
  depends_on = [package.app, package.none]
}
package "one" {
  args = { A = package.app["api"].ref, B = package.app[local.which].tag, C = package.app.api.image }
}
locals {
  which = "worker"
}
`), schema.Options{})
	if got, want := slices.Sorted(maps.Keys(packages)), []string{"all", `app["api"]`, `app["worker"]`, "one"}; !slices.Equal(got, want) {
		t.Errorf("packages %q, want %q", got, want)
	}
	api := packages[`app["api"]`]
	if want := map[string]string{"KEY": "api", "VALUE": "1", "SELF": `app["api"]`}; !maps.Equal(api.Args, want) {
		t.Errorf("args %v, want %v", api.Args, want)
	}
	if api.Declaration.Repository != "r.example/app-api" {
		t.Errorf("the default image is %s", api.Declaration.Repository)
	}
	if got := packages["all"].Args; got["COUNT"] != "2" || got["NONE"] != "0" || strings.Count(got["REFS"], "r.example/app-") != 2 {
		t.Errorf("args of all: %v", got)
	}
	if got, want := packages["all"].DependsOn, []string{`app["api"]`, `app["worker"]`}; !slices.Equal(got, want) {
		t.Errorf("depends_on %q, want %q", got, want)
	}
	var refs []string
	for _, r := range packages["one"].Declaration.References {
		refs = append(refs, r.Package)
	}
	if want := []string{`app["api"]`, `app["worker"]`, `app["api"]`}; !slices.Equal(refs, want) {
		t.Errorf("references %q, want %q", refs, want)
	}
}

// TestInstanceReferences: an index that each decides names one instance, so
// that instances of two packages can pair up, and an index that cannot be
// known beforehand stands for all.
func TestInstanceReferences(t *testing.T) {
	ws := load(t, tree(`
package "base" {
  for_each = toset(["1", "2"])
}
package "app" {
  for_each = toset(["1", "2"])
  args     = { BASE = package.base[each.key].ref }
}
package "vague" {
  args = { REFS = join(" ", [for k in ["1"] : package.base[k].ref]) }
}
package "among" {
  for_each = toset(["1", "2"])
  args     = { REFS = join(" ", [for k in (each.key == "1" ? [] : ["1"]) : package.among[k].ref]) }
}
`), schema.Options{})
	for name, want := range map[string][]string{`app["1"]`: {`base["1"]`}, `app["2"]`: {`base["2"]`}, "vague": {`base["1"]`, `base["2"]`}, `among["2"]`: {`among["1"]`}} {
		d, _ := ws.Declaration(name)
		var got []string
		for _, r := range d.References {
			got = append(got, r.Package)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s refers to %q, want %q", name, got, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	packages := packagesOf(t, tree(`
defaults {
  args     = { A = "root", B = "root", BASE = package.base.ref }
  labels   = merge({ far = "1" }, { both = "root" })
  network  = "none"
  contexts = { shared = "shared" }
  platform "linux/arm64" {
    args = { P = "root" }
  }
  secret "s" {
    env = "ROOT"
  }
  attest {
    provenance = "max"
  }
}
package "base" {
  args = { BASE = null }
}
`,
		"shared/x", "x",
		"a/stowage.hcl", `
defaults {
  args   = { B = "a" }
  labels = { both = "a" }
}
package "mid" {
  dockerfile_inline = "FROM scratch"
}
`,
		"a/b/stowage.hcl", `
package "own" {
  dockerfile_inline = "FROM scratch"
  args    = { A = "own", BASE = "none" }
  network = "host"
  secret "s" {
    env = "OWN"
  }
  attest {
  }
  platform "linux/arm64" {
    args = { P = "own" }
  }
  platforms = ["linux/arm64"]
}
`), schema.Options{})
	mid, own := packages["mid"], packages["own"]
	if got := mid.Args; got["A"] != "root" || got["B"] != "a" || !strings.HasPrefix(got["BASE"], "r.example/base:") {
		t.Errorf("mid: args %v", got)
	}
	if want := map[string]string{"far": "1", "both": "a"}; !maps.Equal(mid.Labels, want) {
		t.Errorf("mid: labels %v, want %v", mid.Labels, want)
	}
	if want := map[string]string{"A": "own", "B": "a", "BASE": "none"}; !maps.Equal(own.Args, want) {
		t.Errorf("own: args %v, want %v", own.Args, want)
	}
	if mid.Network != "none" || own.Network != "host" || mid.Attest.Provenance != "max" || own.Attest.Provenance != "" {
		t.Error("scalars and attest: the nearest does not win")
	}
	if mid.Contexts["shared"].Path != "shared" {
		t.Errorf("a path in defaults is relative to them, got %q", mid.Contexts["shared"].Path)
	}
	if mid.Secrets[0].Env != "ROOT" || len(own.Secrets) != 1 || own.Secrets[0].Env != "OWN" || own.Overrides["linux/arm64"].Args["P"] != "own" {
		t.Error("blocks: the nearest does not win")
	}
	if len(own.Declaration.References) != 0 {
		t.Errorf("an overridden default is still an edge: %v", own.Declaration.References)
	}
	if _, ok := packages["base"].Args["BASE"]; ok {
		t.Error("null does not unset a default")
	}
}

func TestTag(t *testing.T) {
	ws := load(t, tree(`
package "default" {
}
package "made" {
  tag = "v-${substr(self.hash, 0, 3)}-${package.default.tag}"
}
package "bad" {
  tag = "!${self.hash}"
}
package "null" {
  tag = null
}
`), schema.Options{})
	identity := func(string) (schema.Identity, bool) { return schema.Identity{Tag: "T"}, true }
	for name, want := range map[string]string{"default": "abcdef", "made": "v-abc-T", "null": "abcdef"} {
		d, _ := ws.Declaration(name)
		p, diags := ws.Evaluate(d, identity)
		fail(t, diags)
		got, diags := ws.Tag(p, "abcdef", identity)
		fail(t, diags)
		if got != want {
			t.Errorf("%s: tag %q, want %q", name, got, want)
		}
	}
	d, _ := ws.Declaration("bad")
	p, _ := ws.Evaluate(d, identity)
	if _, diags := ws.Tag(p, "abc", identity); !slices.Equal(summaries(diags), []string{"Bad tag"}) {
		t.Errorf("bad tag: %v", diags)
	}
}

// TestLateErrors: what depends on another package's tag is checked when the
// tag is known.
func TestLateErrors(t *testing.T) {
	ws := load(t, tree(`
package "base" {
}
package "app" {
  network = package.base.tag
  args    = { A = jsondecode(package.base.tag) }
  retries = length(package.base.platforms) + 10
}
`), schema.Options{})
	d, _ := ws.Declaration("app")
	_, diags := ws.Evaluate(d, func(string) (schema.Identity, bool) {
		return schema.Identity{Tag: "[", Platforms: []string{"linux/amd64"}}, true
	})
	want := []string{"Unknown value", "Error in function call", "Number out of range"}
	if got := summaries(diags); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, diags := ws.Evaluate(d, func(string) (schema.Identity, bool) { return schema.Identity{}, false }); !diags.HasErrors() {
		t.Error("a dependency that was not evaluated is not reported")
	}
}

// TestEvaluateConcurrently evaluates the same declarations in many goroutines
// and changes what they return.
func TestEvaluateConcurrently(t *testing.T) {
	ws := load(t, tree(`
package "base" {
  args   = { A = "1" }
  labels = { l = "1" }
}
package "app" {
  for_each = toset(["a", "b", "c"])
  args     = { BASE = package.base.ref, SPLAT = join(",", [package.base][*].tag), LATE = local.late }
  tag      = "${each.key}-${self.hash}"
}
locals {
  late = "x${package.base.tag}"
}
`), schema.Options{})
	identity := func(string) (schema.Identity, bool) { return schema.Identity{Tag: "T"}, true }
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, d := range ws.Packages {
				p, diags := ws.Evaluate(d, identity)
				if diags.HasErrors() {
					t.Error(diags)
				}
				if d.Block == "app" && (p.Args["BASE"] != "r.example/base:T" || p.Args["LATE"] != "xT" || p.Args["SPLAT"] != "T") {
					t.Errorf("args %v", p.Args)
				}
				p.Args["A"], p.Labels["l"] = "2", "2"
				if _, diags := ws.Tag(p, "abc", identity); diags.HasErrors() {
					t.Error(diags)
				}
			}
		})
	}
	wg.Wait()
	d, _ := ws.Declaration("base")
	if p, _ := ws.Evaluate(d, identity); p.Args["A"] != "1" || p.Labels["l"] != "1" {
		t.Error("a caller's change reached the workspace")
	}
}

// TestLoadIsDeterministic loads a workspace with mistakes in many files.
func TestLoadIsDeterministic(t *testing.T) {
	var files []string
	for _, dir := range strings.Split("abcdefghij", "") {
		files = append(files, dir+"/stowage.hcl", "package \""+dir+"\" {\n  args = { Z = package.zz.ref, A = var.a }\n  b = 1\n  a = 2\n}\n")
	}
	fsys := tree("", files...)
	_, first := schema.Load(fsys, schema.Options{})
	if len(first) != 10*5 {
		t.Errorf("%d diagnostics, want 50: %v", len(first), first)
	}
	for range 5 {
		if _, again := schema.Load(fsys, schema.Options{}); !reflect.DeepEqual(first, again) {
			t.Fatalf("another order or other text:\n%v\n%v", first, again)
		}
	}
}

// TestPlaceOfAttributes: callers can point at parts.
func TestPlaceOfAttributes(t *testing.T) {
	p := packagesOf(t, tree(`
package "p" {
  target = "x"
  args = {
    A = 1
  }
  secret "s" {
    env = "S"
  }
}
`), schema.Options{})["p"]
	for name, line := range map[string]int{"target": 7, "args": 8, "args.A": 9, "secret.s": 11, "network": 6} {
		if got := p.Range(name).Start.Line; got != line {
			t.Errorf("%s is in line %d, want %d", name, got, line)
		}
	}
}

type fakeGit struct{}

func (fakeGit) Commit() (string, error)          { return "c0ffee", nil }
func (fakeGit) Describe() (string, error)        { return "", errors.New("no tags") }
func (fakeGit) Tree(path string) (string, error) { return "tree of " + path, nil }

func TestGit(t *testing.T) {
	fsys := tree("", "a/stowage.hcl", `
package "p" {
  dockerfile_inline = "FROM scratch"
  args = { COMMIT = git_commit(), DESCRIBE = try(git_describe(), "none"), TREE = git_tree("b") }
}
`)
	got := packagesOf(t, fsys, schema.Options{Git: fakeGit{}})["p"].Args
	if want := map[string]string{"COMMIT": "c0ffee", "DESCRIBE": "none", "TREE": "tree of a/b"}; !maps.Equal(got, want) {
		t.Errorf("args %v, want %v", got, want)
	}
}
