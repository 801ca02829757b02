package planner_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// A written tag says nothing about what is there, unless the annotation does.
func TestMakeTrustsWrittenTagsOnlyWithTheAnnotation(t *testing.T) {
	files := inline(map[string]string{"base": `tag = "v1"`})
	w := newWorld(t, files)
	w.stored("base")
	if got := w.make().Summary; got.ReuseStore != 2 || got.Build != 0 {
		t.Errorf("with the annotation: %+v", got)
	}
	w.store.images[w.r.Package("base").Ref()].Hash = ""
	if got := w.make().Summary; got.Build != 2 {
		t.Errorf("without the annotation: %+v", got)
	}
}

// What could not be found out is an error, never missing.
func TestMakeFailsWithItsCatalogs(t *testing.T) {
	fault := errors.New("503 Service Unavailable")
	for name, fail := range map[string]func(w *world) string{
		"store": func(w *world) string {
			w.store.fail[w.r.Package("mid").Ref()] = fault
			return "package mid in the store"
		},
		"registry": func(w *world) string {
			w.registry.fail[w.r.Package("base").Ref()] = fault
			return "package base in the registry"
		},
		"moving tag": func(w *world) string {
			w.opts.Push = true
			w.pushed("app", "apart", "base", "mid")
			w.registry.fail["registry.test/acme/app:latest"] = fault
			return "tag latest of package app in the registry"
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chain().replace(t, "stowage.hcl", `package "app" {`, "package \"app\" {\n  extra_tags = [\"latest\"]"))
			where := fail(w)
			p, err := planner.Make(t.Context(), w.r, w.ports(), w.opts)
			if p != nil || !errors.Is(err, fault) || !strings.Contains(err.Error(), where) {
				t.Errorf("plan gave %v, %v", p, err)
			}
		})
	}
	t.Run("records", func(t *testing.T) {
		w := newWorld(t, chain())
		ports := w.ports()
		ports.Records = failingRecords{fault}
		if p, err := planner.Make(t.Context(), w.r, ports, w.opts); p != nil || !errors.Is(err, fault) {
			t.Errorf("plan gave %v, %v", p, err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		w := newWorld(t, chain())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p, err := planner.Make(ctx, w.r, w.ports(), w.opts); p != nil || !errors.Is(err, context.Canceled) {
			t.Errorf("plan gave %v, %v", p, err)
		}
	})
	t.Run("unknown package", func(t *testing.T) {
		w := newWorld(t, chain())
		w.opts.Packages = []string{"nothing"}
		if _, err := planner.Make(t.Context(), w.r, w.ports(), w.opts); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
			t.Errorf("plan gave %v", err)
		}
	})
}

type failingRecords struct{ err error }

func (f failingRecords) LastInputs(context.Context, *planner.Package) (*planner.Inputs, error) {
	return nil, f.err
}

// Every package is asked for once in each catalog, and no more catalogs than
// needed are asked.
func TestMakeAsksOnce(t *testing.T) {
	files := inline(map[string]string{
		"base": `platforms = ["linux/amd64", "linux/arm64", "linux/s390x"]`,
		"tool": "",
		"mid":  from("FROM registry.test/acme/base", "COPY --from=registry.test/acme/tool / /"),
		"app":  from("FROM --platform=$BUILDPLATFORM registry.test/acme/mid AS x", "FROM registry.test/acme/base", "COPY --from=registry.test/acme/tool / /"),
	})
	all := []string{"app", "base", "mid", "tool"}
	for name, test := range map[string]struct {
		world           func(w *world)
		store, registry []string
	}{
		"nothing exists":       {world: func(*world) {}, store: all, registry: all},
		"all in the store":     {world: func(w *world) { w.stored(all...) }, store: all},
		"app in the store":     {world: func(w *world) { w.stored("app"); w.selected("app") }, store: []string{"app"}},
		"app in the registry":  {world: func(w *world) { w.pushed("app"); w.selected("app") }, store: []string{"app"}, registry: []string{"app"}},
		"one platform wanted":  {world: func(w *world) { w.opts.Platforms = []string{arm64}; w.selected("app") }, store: all, registry: all},
		"push":                 {world: func(w *world) { w.stored(all...); w.opts.Push = true }, store: all, registry: all},
		"push, some not asked": {world: func(w *world) { w.stored(all...); w.opts.Push = true; w.selected("mid") }, store: []string{"mid"}, registry: []string{"mid"}},
		"push, dependencies in the store": {
			world: func(w *world) { w.stored("base", "tool"); w.opts.Push = true; w.selected("mid") },
			store: []string{"base", "mid", "tool"}, registry: []string{"mid"},
		},
		"part in the store": {
			// base is first needed for arm64, which the store has, then for amd64.
			world: func(w *world) {
				w.store.add(w.r.Package("base"), arm64)
				w.opts.Platforms = []string{arm64}
				w.selected("app")
			},
			store: all, registry: all,
		},
	} {
		for _, offline := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, offline %v", name, offline), func(t *testing.T) {
				w := newWorld(t, files)
				test.world(w)
				ports := w.ports()
				if offline {
					ports.Registry = nil
				}
				if _, err := planner.Make(t.Context(), w.r, ports, w.opts); offline && w.opts.Push {
					return // refused, see TestMakeRefusesToPush
				} else if err != nil {
					t.Fatal(err)
				}
				if offline {
					test.registry = nil
					if name == "app in the registry" {
						return // everything below app is needed then
					}
				}
				w.checkAsked("store", w.store, test.store)
				w.checkAsked("registry", w.registry, test.registry)
			})
		}
	}
}

// checkAsked checks that a catalog was asked for each of the packages once.
func (w *world) checkAsked(what string, c *catalog, names []string) {
	w.tb.Helper()
	want := map[string]int{}
	for _, name := range names {
		want[w.r.Package(name).Ref()] = 1
	}
	if !maps.Equal(c.asked, want) {
		w.tb.Errorf("the %s was asked\n  %v, want\n  %v", what, c.asked, want)
	}
}
