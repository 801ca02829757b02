package planner_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// treeIDs are tree ids by directories, joined with commas.
type treeIDs map[string]string

func (t treeIDs) TreeID(_ context.Context, dirs []string) (string, error) {
	id, ok := t[strings.Join(dirs, ",")]
	if !ok {
		return "", fmt.Errorf("no tree of %q", dirs)
	}
	return id, nil
}

const treeID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

func treeSetup(tb testing.TB) *setup {
	s := newSetup(tb, tree{
		"stowage.hcl": header + `
package "app" {
  context    = "app"
  cache_mode = "git-tree"
  args       = { V = "1" }
  source "vendor" {
    to = "vendor"
  }
}
package "user" {
  dockerfile_inline = "FROM registry.test/acme/app"
}
`,
		"app/Dockerfile": "FROM scratch\n", "vendor/a": "a",
	})
	s.trees = treeIDs{"app,vendor": treeID}
	return s
}

func TestGitTreeTags(t *testing.T) {
	s := treeSetup(t)
	r := s.resolve()
	app := r.Package("app")
	equal(t, "tag", []string{app.Tag}, []string{treeID})
	if len(app.Hash) != 64 {
		t.Errorf("hash %q", app.Hash)
	}
	s = treeSetup(t)
	s.sources.dirty = map[string]bool{"app": true}
	dirty := s.resolve().Package("app").Tag
	if digits, ok := strings.CutPrefix(dirty, treeID+"-dirty-"); !ok || len(digits) != 7 {
		t.Errorf("dirty tag %q", dirty)
	}
	s = treeSetup(t)
	s.files["stowage.hcl"].Data = []byte(strings.Replace(string(s.files["stowage.hcl"].Data), `"1"`, `"2"`, 1))
	changed := s.resolve()
	equal(t, "tag with other args", []string{changed.Package("app").Tag}, []string{treeID})
	if changed.Package("user").Hash == r.Package("user").Hash {
		t.Error("the dependent's hash does not see the changed args")
	}
}

// What is published under a tree id is used, whoever built it.
func TestGitTreeReuse(t *testing.T) {
	for _, hash := range []string{"", strings.Repeat("0", 64)} {
		r := treeSetup(t).resolve()
		w := &world{tb: t, r: r, store: newCatalog(), registry: newCatalog(), records: records{}, estimates: estimates{}}
		w.selected("app")
		w.registry.images[r.Package("app").Ref()] = &planner.Image{Hash: hash, Manifests: map[string]ocispec.Descriptor{
			amd64: {Digest: digest.FromString("a")}, arm64: {Digest: digest.FromString("b")},
		}}
		if p := w.make(); p.Summary.Build != 0 || p.Summary.ReuseRegistry != 2 {
			t.Errorf("with hash %q: %+v", hash, p.Summary)
		}
	}
}

func TestGitTreeWarns(t *testing.T) {
	w := treeSetup(t).resolve().TreeWarnings()
	if len(w) != 1 || !strings.Contains(w[0].Detail, "\n  args: app") {
		t.Errorf("warnings: %s", list(w))
	}
	files := inline(map[string]string{
		"a": from("FROM scratch"), "b": from("FROM registry.test/acme/a"), "c": from("FROM registry.test/acme/a"),
		"d": from("FROM registry.test/acme/a"), "e": from("FROM registry.test/acme/a"),
		"f": "args = { A = \"1\" }\n" + from("FROM registry.test/acme/a"), "g": "cache_mode = \"content\"\n" + from("FROM other"),
		"h": "cache_mode = \"git-tree\"\n" + from("FROM other"),
	})
	files["stowage.hcl"] += "defaults {\n  cache_mode = \"git-tree\"\n}\n"
	s := newSetup(t, files)
	s.trees = treeIDs{".": treeID}
	w = s.resolve().TreeWarnings()
	if len(w) != 2 || !strings.HasSuffix(w[0].Detail, "\n  args: f\n  dependencies: b, c, d and 2 more") || !strings.HasSuffix(w[1].Detail, "\n  base images: h") {
		t.Errorf("warnings: %s", list(w))
	}
}

// Two packages with one reference are refused if their inputs differ.
func TestOneReferenceForTwoPackages(t *testing.T) {
	files := func(arg string) tree {
		return inline(map[string]string{
			"a": "image = \"x\"\ntag = \"1\"\nargs = { A = \"1\" }\n" + from("FROM scratch"),
			"b": "image = \"x\"\ntag = \"1\"\nargs = { A = \"" + arg + "\" }\n" + from("FROM scratch"),
		})
	}
	resolve(t, files("1"))
	diags := newSetup(t, files("2")).diagnose()
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "have different inputs") {
		t.Errorf("diagnostics: %s", list(diags))
	}
	moving := inline(map[string]string{
		"a": "image = \"x\"\nextra_tags = [\"latest\"]\nargs = { A = \"1\" }\n" + from("FROM scratch"),
		"b": "image = \"x\"\nextra_tags = [\"latest\"]\n" + from("FROM scratch"),
	})
	diags = newSetup(t, moving).diagnose()
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "would both move it") {
		t.Errorf("diagnostics: %s", list(diags))
	}
}
