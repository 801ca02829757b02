package executor_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// TestWhatMayBeCutOff: packages that take nothing from caches, or are told their
// own hash, are always built; so say their specs.
func TestWhatMayBeCutOff(t *testing.T) {
	for name, test := range map[string]struct {
		attributes, dockerfile string
		may                    bool
	}{
		"plain":              {"", "", true},
		"refresh":            {`refresh = "24h"`, "", true},
		"revision":           {"", "ARG REVISION\n", true},
		"no_cache":           {"no_cache = true", "", false},
		"no_cache_stages":    {`no_cache_stages = ["a"]`, "", false},
		"pull":               {"pull = true", "", false},
		"platform":           {"platform \"linux/amd64\" {\n no_cache = true\n}", "", false},
		"other platform":     {"platform \"linux/arm64\" {\n no_cache = true\n}", "", true},
		"own hash":           {"", "ARG PKG_HASH\n", false},
		"own image":          {"", "ARG PKG_IMAGE\n", false},
		"argument like that": {`args = { PKG_HASH = "1" }`, "ARG PKG_HASH\n", true},
	} {
		spec := specOf(t, test.attributes, test.dockerfile)
		if got := spec.ResolvedHash != nil; got != test.may {
			t.Errorf("%s: may be cut off: %v, want %v", name, got, test.may)
		}
		if !test.may {
			continue
		}
		hash, err := spec.ResolvedHash(func(u executor.ImageUse) (string, error) { return "sha256:" + u.Package, nil })
		if err != nil || len(hash) != 64 {
			t.Errorf("%s: the resolved hash is %q, %v", name, hash, err)
		}
	}
}

// specOf is the build of a package with some attributes, based on another one.
func specOf(t *testing.T, attributes, dockerfile string) *executor.BuildSpec {
	t.Helper()
	f := files{fstest.MapFS{
		"stowage.hcl": {Data: []byte(`
workspace {
  name      = "acme"
  registry  = "reg.test/acme"
  platforms = ["linux/amd64", "linux/arm64"]
}
package "base" {
  context = "base"
}
package "app" {
  context = "app"
  ` + attributes + `
}
`)},
		"base/Dockerfile": {Data: []byte("FROM scratch\n")},
		"app/Dockerfile":  {Data: []byte("FROM reg.test/acme/base\n" + dockerfile)},
	}}
	ws, diags := schema.Load(f.fs, schema.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r, diags, err := planner.Resolve(t.Context(), ws, planner.ResolveOptions{Sources: f, Dockerfiles: f, HostPlatform: amd64, Now: time.Unix(0, 0)})
	if err != nil || diags.HasErrors() {
		t.Fatal(err, diags)
	}
	spec, err := (&executor.ResolvedSpecs{Resolved: r}).Build("app", amd64)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}
