package schema_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/schema"
)

const setRoot = `
defaults {
  labels = { team = "core" }
}
package "base" {
}
package "app" {
  for_each = toset(["api", "web/v1.2"])
  args     = { BASE = package.base.ref, MODE = "slow", KEY = each.key }
  tag      = "v1-${self.hash}"
}
package "lint" {
  dockerfile_inline = "FROM scratch"
  output "tar" {
    dest = "lint.tar"
  }
  extra_tags        = ["latest"]
}
`

// TestSet: what the command line sets goes before all configuration, for the
// packages that it is about and no other.
func TestSet(t *testing.T) {
	fsys := tree(setRoot, "other/Dockerfile", "FROM scratch")
	ws := load(t, fsys, schema.Options{Set: []string{
		`app["web/v1.2"].args.MODE=fast=yes, really`, `app.args.BASE=none`, `*.labels.org.example/x=y`, `app["*"].label.team=web`,
		`base.context=other`, `base.target=release`, `base.platform=linux/arm64, linux/amd64`, `base.no-cache=true`, `base.retries=2`,
		`l*.dockerfile=Dockerfile`, `lint.extra_tags=`, `lint.cache_from=type=registry,ref=a.example/b`, `lint.cache-from=c.example/d`,
		`lint.target=first`, `lint.target=second`, `app["api"].tag=fixed`, `base.network=none`, `base.contexts.more=other`,
		`*.output=dist`, `lint.output=type=oci,dest=/tmp/lint.tar`,
	}})
	packages, ids := evaluateAll(t, ws)
	web, api, base, lint := packages[`app["web/v1.2"]`], packages[`app["api"]`], packages["base"], packages["lint"]
	for what, pair := range map[string][2]any{
		"web's args":     {web.Args, map[string]string{"BASE": "none", "MODE": "fast=yes, really", "KEY": "web/v1.2"}},
		"api's args":     {api.Args, map[string]string{"BASE": "none", "MODE": "slow", "KEY": "api"}},
		"api's labels":   {api.Labels, map[string]string{"team": "web", "org.example/x": "y"}},
		"base's labels":  {base.Labels, map[string]string{"team": "core", "org.example/x": "y"}},
		"base":           {[]any{base.Context, base.Target, base.NoCache, base.Retries, base.Network}, []any{"other", "release", true, 2, "none"}},
		"platforms":      {base.Platforms, []string{"linux/arm64", "linux/amd64"}},
		"base's context": {base.Contexts, map[string]schema.Context{"more": {Path: "other"}}},
		"Dockerfile":     {[]string{lint.Dockerfile, lint.DockerfileInline}, []string{"Dockerfile", ""}},
		"extra tags":     {len(lint.ExtraTags), 0},
		"cache":          {lint.CacheFrom, []schema.Cache{{Type: "registry", Attrs: map[string]string{"ref": "a.example/b"}}, {Type: "registry", Attrs: map[string]string{"ref": "c.example/d"}}}},
		"target":         {lint.Target, "second"},
		"outputs":        {lint.Outputs, []schema.Output{{Type: "oci", Dest: "/tmp/lint.tar"}, {Type: "local", Dest: "dist"}}},
		"base's outputs": {base.Outputs, []schema.Output{{Type: "local", Dest: "dist"}}},
		"tags":           {[]string{ids[`app["api"]`].Tag, ids[`app["web/v1.2"]`].Tag[:3]}, []string{"fixed", "v1-"}},
		"references":     {len(api.Declaration.References), 0},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

// TestSetMistakes: each is an error, before anything is evaluated with it.
func TestSetMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"app":                         "write PACKAGE.ATTRIBUTE=VALUE",
		"app.target":                  "write PACKAGE.ATTRIBUTE=VALUE",
		".target=x":                   "write PACKAGE.ATTRIBUTE=VALUE",
		"app=x.y":                     "write PACKAGE.ATTRIBUTE=VALUE",
		"app.targt=x":                 `Did you mean "target"?`,
		"app.arg=x":                   "write app.args.NAME=VALUE",
		"app.target.x=y":              "write app.target=VALUE",
		"app.image=x":                 "nothing that --set can set",
		"app.depends_on=base":         "nothing that --set can set",
		"bass.target=x":               `Did you mean "base"?`,
		"nothing*.target=x":           "is about no package",
		`app["none"].target=x`:        "is about no package",
		"base.no_cache=perhaps":       "no_cache is true or false",
		"base.network=bridge":         "network is",
		"base.context=missing":        `"missing"`,
		"base.platforms=linux/amd46":  "linux/amd46",
		"base.args.a b=c":             "cannot be declared",
		"base.output=type=tar,to=x":   `there is no "to"`,
		"base.output=type=zip,dest=x": "Unknown type of output",
	} {
		_, diags := schema.Load(tree(setRoot), schema.Options{Set: []string{text}})
		if !strings.Contains(diags.Error(), want) || len(diags) != 1 {
			t.Errorf("%s: %v, want one with %q", text, diags.Error(), want)
		}
		for _, d := range diags {
			if !strings.HasPrefix(d.Subject.Filename, "--set "+text[:3]) {
				t.Errorf("%s: it points at %s", text, d.Subject)
			}
		}
	}
	if _, diags := schema.Load(tree(setRoot), schema.Options{Set: []string{"gone.target=x"}, AnyVars: true}); len(diags) > 0 {
		t.Error(diags)
	}
}

// TestSetLeavesOthersAlone: packages that nothing is set for share what they did.
func TestSetLeavesOthersAlone(t *testing.T) {
	plain := packagesOf(t, tree(setRoot), schema.Options{})
	set := packagesOf(t, tree(setRoot), schema.Options{Set: []string{"lint.args.X=y"}})
	if !slices.Equal(slices.Sorted(maps.Keys(plain)), slices.Sorted(maps.Keys(set))) {
		t.Fatal("packages differ")
	}
	for name, p := range plain {
		if same := maps.Equal(p.Args, set[name].Args); same == (name == "lint") {
			t.Errorf("%s: arguments are %v, were %v", name, set[name].Args, p.Args)
		}
	}
}
