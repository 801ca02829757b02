package planner_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stowage-build/stowage/planner"
)

// resolvedOf resolves the workspace and returns the resolved hash of app for a
// platform, when each image that it uses has digest for its package.
func resolvedOf(t *testing.T, files tree, platform string, digest func(planner.Use) string) string {
	t.Helper()
	s := newSetup(t, files)
	s.files["app/current"] = &fstest.MapFile{Data: []byte("main.go"), Mode: fs.ModeSymlink | 0o777}
	hash, err := s.resolve().Package("app").ResolvedHash(platform, func(u planner.Use) (string, error) { return digest(u), nil })
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// sameDigest is a digest that does not change.
func sameDigest(u planner.Use) string { return "sha256:" + u.Package }

// TestResolvedHash: the digests of images used count, and not the hashes of
// their packages; all else counts as it does in the input hash.
func TestResolvedHash(t *testing.T) {
	replaced := func(old, new string) tree { return subject().replace(t, "stowage.hcl", old, new) }
	before := resolvedOf(t, subject(), amd64, sameDigest)
	if len(before) != 64 {
		t.Fatalf("the resolved hash is %q", before)
	}
	for name, files := range map[string]tree{
		"dependency":              subject().with(tree{"base/new": ""}),
		"dependency's dependency": subject().with(tree{"deep/new": ""}),
		"order-only dependency":   subject().with(tree{"lint/new": ""}),
		"other package":           subject().with(tree{"other/new": ""}),
		"builder":                 replaced(`slots     = 1`, `slots = 9`),
	} {
		if got := resolvedOf(t, files, amd64, sameDigest); got != before {
			t.Errorf("%s: the resolved hash changes", name)
		}
	}
	for name, files := range map[string]tree{
		"file":              subject().with(tree{"app/main.go": "package other\n"}),
		"arg":               replaced(`VERSION = "1"`, `VERSION = "2"`),
		"label of a tag":    replaced(`vendor = "acme"`, `vendor = package.other.tag`),
		"refresh":           replaced(`"24h"`, `"12h"`),
		"another image":     subject().with(tree{"app/Dockerfile": "FROM registry.test/acme/deep\nCOPY --from=alpine:3.20 / /\nCOPY --from=proto / /\n"}),
		"external image":    subject().with(tree{"app/Dockerfile": "FROM registry.test/acme/base\nCOPY --from=alpine:3.21 / /\nCOPY --from=proto / /\n"}),
		"context of a pack": replaced(`cgr   = "docker-image://cgr.test/static:1"`, `cgr = package.other`),
	} {
		if got := resolvedOf(t, files, amd64, sameDigest); got == before {
			t.Errorf("%s: the resolved hash stays", name)
		}
	}
	if got := resolvedOf(t, subject(), amd64, func(planner.Use) string { return "sha256:other" }); got == before {
		t.Error("another digest: the resolved hash stays")
	}
	two := replaced(`platforms   = ["linux/amd64"]`, `platforms = ["linux/amd64", "linux/arm64"]`)
	if resolvedOf(t, two, amd64, sameDigest) != before || resolvedOf(t, two, arm64, sameDigest) == before {
		t.Error("the resolved hash is not that of a node")
	}
	one := two.with(tree{"app/Dockerfile": "FROM --platform=linux/amd64 registry.test/acme/base\n"})
	if resolvedOf(t, one, amd64, sameDigest) == resolvedOf(t, one, arm64, sameDigest) {
		t.Error("two platforms made of one image have one resolved hash")
	}
}

// TestResolvedHashOfArguments: an argument made of a package's reference counts
// unless nothing but FROM sees it; a dependency that is no image counts by its
// hash.
func TestResolvedHashOfArguments(t *testing.T) {
	workspace := func(dockerfile, note string) tree {
		return tree{
			"stowage.hcl": header + `
package "base" {
  context = "base"
}

package "third" {
  context = "third"
}

package "app" {
  context = "app"
  args    = { BASE = package.base.ref }
}
`,
			"base/Dockerfile": "FROM scratch\n", "base/note": note, "third/Dockerfile": "FROM scratch\n", "app/Dockerfile": dockerfile,
		}
	}
	for name, test := range map[string]struct {
		dockerfile string
		stays      bool
	}{
		"in FROM alone":    {"ARG BASE\nFROM $BASE\n", true},
		"in a stage":       {"FROM registry.test/acme/base\nARG BASE\n", false},
		"of another image": {"FROM registry.test/acme/third\nARG BASE\n", false},
		"ONBUILD unknown":  {"ARG BASE\nFROM elsewhere.test/tools AS tools\nFROM $BASE\nCOPY --from=tools /a /a\n", false},
	} {
		one := resolvedOf(t, workspace(test.dockerfile, "1"), amd64, sameDigest)
		two := resolvedOf(t, workspace(test.dockerfile, "2"), amd64, sameDigest)
		if one == "" || test.stays != (one == two) {
			t.Errorf("%s: the resolved hash was %q and is %q", name, one, two)
		}
	}
}

// TestResolvedHashOfNothing: without images of the workspace there is none, and
// an image that is not known is an error.
func TestResolvedHashOfNothing(t *testing.T) {
	r := newSetup(t, subject()).resolve()
	if hash, err := r.Package("deep").ResolvedHash(amd64, nil); hash != "" || err != nil {
		t.Errorf("deep has the resolved hash %q, %v", hash, err)
	}
	unknown := errors.New("unknown")
	if _, err := r.Package("base").ResolvedHash(amd64, func(planner.Use) (string, error) { return "", unknown }); !errors.Is(err, unknown) {
		t.Errorf("the error is %v", err)
	}
}

// TestResolvedRef: records are told from images by their references.
func TestResolvedRef(t *testing.T) {
	ref := planner.ResolvedRef("r.test:5000/a", strings.Repeat("0a", 32))
	if want := "r.test:5000/a:r-" + strings.Repeat("0a", 20); ref != want || !planner.IsResolvedRef(ref) {
		t.Errorf("the reference is %s, want %s", ref, want)
	}
	for _, other := range []string{"r.test/a:" + strings.Repeat("0a", 20), "r.test/a:r-1", "r.test/r-" + strings.Repeat("0a", 20) + ":1"} {
		if planner.IsResolvedRef(other) {
			t.Errorf("%s is taken for a record", other)
		}
	}
}
