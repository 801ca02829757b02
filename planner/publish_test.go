package planner_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// TestMakeOptions are the options that change what is done with what exists.
func TestMakeOptions(t *testing.T) {
	files := inline(map[string]string{
		"base": "platforms = [\"linux/amd64\"]",
		"app":  "platforms = [\"linux/amd64\"]\n" + from("FROM registry.test/acme/base"),
	})
	for name, test := range map[string]struct {
		world func(w *world)
		want  []string
	}{
		"force": {func(w *world) { w.stored("app", "base"); w.selected("app"); w.opts.Force = true }, []string{
			"0 reuse:base:amd64 in_store", "1 build:app:amd64 forced < reuse:base:amd64", "2 index:app < build:app:amd64",
		}},
		"force and push": {func(w *world) {
			w.stored("app", "base")
			w.pushed("app", "base")
			w.selected("app")
			w.opts.Force, w.opts.Push = true, true
		}, []string{
			"0 reuse:base:amd64 in_store", "1 build:app:amd64 forced < reuse:base:amd64", "2 index:app < build:app:amd64",
			"3 push:app < index:app",
		}},
		"pull": {func(w *world) { w.pushed("app", "base"); w.stored("base"); w.opts.Pull = true }, []string{
			"0 reuse:app:amd64 in_registry", "0 reuse:base:amd64 in_store",
			"1 pull:app:amd64 < reuse:app:amd64", "2 index:app < pull:app:amd64",
		}},
		"load": {func(w *world) { w.stored("base"); w.pushed("app"); w.opts.Load = true }, []string{
			"0 reuse:app:amd64 in_registry", "0 reuse:base:amd64 in_store", "1 load:base < reuse:base:amd64",
			"1 pull:app:amd64 < reuse:app:amd64", "2 index:app < pull:app:amd64", "2 load:app < pull:app:amd64",
		}},
		"load what is built": {func(w *world) { w.selected("app"); w.opts.Load = true }, []string{
			"1 build:base:amd64 missing", "2 build:app:amd64 missing < build:base:amd64", "2 index:base < build:base:amd64",
			"3 index:app < build:app:amd64", "3 load:app < build:app:amd64",
		}},
		"pull what a build uses": {func(w *world) { w.pushed("base"); w.opts.Pull = true }, []string{
			"0 reuse:base:amd64 in_registry", "1 pull:base:amd64 < reuse:base:amd64",
			"2 build:app:amd64 missing < pull:base:amd64", "2 index:base < pull:base:amd64", "3 index:app < build:app:amd64",
		}},
		"ignore cached": {func(w *world) {
			w.stored("base")
			w.pushed("base")
			w.selected("app")
			w.opts.IgnoreCached = true
		}, []string{
			"0 reuse:base:amd64 in_registry", "1 pull:base:amd64 < reuse:base:amd64",
			"2 build:app:amd64 missing < pull:base:amd64", "3 index:app < build:app:amd64",
		}},
		"ignore cached, not in the registry": {func(w *world) {
			w.stored("base")
			w.selected("app")
			w.opts.IgnoreCached = true
		}, []string{
			"1 build:base:amd64 platform_missing", "2 build:app:amd64 missing < build:base:amd64", "2 index:base < build:base:amd64",
			"3 index:app < build:app:amd64",
		}},
		"no index": {func(w *world) { w.stored("base"); w.selected("app"); w.opts.Push, w.opts.NoIndex = true, true }, []string{
			"0 reuse:base:amd64 in_store", "1 build:app:amd64 missing < reuse:base:amd64", "2 push:app < build:app:amd64",
		}},
		"skip build": {func(w *world) { w.stored("app"); w.selected("app"); w.opts.Push, w.opts.SkipBuild = true, true }, []string{
			"0 reuse:app:amd64 in_store", "1 push:app < reuse:app:amd64",
		}},
		"release": {func(w *world) {
			w.stored("app")
			w.pushed("base")
			w.opts.Push, w.opts.Release = true, "v1"
		}, []string{
			"0 reuse:app:amd64 in_store", "0 reuse:base:amd64 in_registry", "1 push:app < reuse:app:amd64",
			"1 tag:base:v1 < reuse:base:amd64", "2 tag:app:v1 < push:app",
		}},
		"release that is there": {func(w *world) {
			w.pushed("base", "app")
			for _, p := range w.r.Packages {
				w.registry.images[p.Repository+":v1"] = w.registry.images[p.Ref()]
			}
			w.opts.Push, w.opts.Release = true, "v1"
		}, []string{"0 reuse:app:amd64 in_registry", "0 reuse:base:amd64 in_registry"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			test.world(w)
			p := w.make()
			equal(t, "steps", describe(p), test.want)
			if p.Errored {
				t.Errorf("diagnostics %+v", p.Diagnostics)
			}
		})
	}
}

// TestMakeOptionsRefused are plans that must not be applied, and options that
// contradict each other.
func TestMakeOptionsRefused(t *testing.T) {
	files := inline(map[string]string{"app": ""})
	for name, test := range map[string]struct {
		world func(w *world)
		want  string
	}{
		"skip build, missing": {func(w *world) { w.opts.SkipBuild = true }, "not built for linux/amd64"},
		"release exists": {func(w *world) {
			w.registry.images["registry.test/acme/app:v1"] = &planner.Image{Digest: "sha256:other"}
			w.opts.Push, w.opts.Release = true, "v1"
		}, "Release v1 of package app exists"},
		"force and skip build":      {func(w *world) { w.opts.Force, w.opts.SkipBuild = true, true }, "contradict"},
		"release without push":      {func(w *world) { w.opts.Release = "v1" }, "needs pushing"},
		"no index without push":     {func(w *world) { w.opts.NoIndex = true }, "nothing is"},
		"release without its index": {func(w *world) { w.opts.Push, w.opts.NoIndex, w.opts.Release = true, true, "v1" }, "points at an index"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			test.world(w)
			p, err := planner.Make(context.Background(), w.r, w.ports(), w.opts)
			switch {
			case err != nil && strings.Contains(err.Error(), test.want):
			case err != nil:
				t.Errorf("error %v", err)
			case !p.Errored || p.Applyable || !strings.Contains(p.Diagnostics[0].Summary, test.want):
				t.Errorf("diagnostics %+v", p.Diagnostics)
			}
		})
	}
	s := newSetup(t, tree{"stowage.hcl": header + "package \"app\" {\n  context = \"app\"\n}\n", "app/Dockerfile": "FROM scratch\n"})
	s.sources.dirty = map[string]bool{"app": true}
	w := &world{tb: t, r: s.resolve(), store: newCatalog(), registry: newCatalog(), records: records{}, estimates: estimates{}}
	w.selected()
	w.opts.Push, w.opts.AllowDirty, w.opts.Release = true, true, "v1"
	if p := w.make(); !p.Errored || !strings.Contains(p.Diagnostics[0].Summary, "dirty and cannot be released") {
		t.Errorf("diagnostics %+v", p.Diagnostics)
	}
}
