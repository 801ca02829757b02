package planner_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

func (w *world) pushed(names ...string) { w.fill(w.registry, names) }

func TestMakePrunes(t *testing.T) {
	for name, test := range map[string]struct {
		world func(w *world)
		want  []string
	}{
		"nothing exists": {
			world: func(*world) {},
			want: []string{
				"1 build:apart:amd64 missing", "1 build:base:amd64 missing",
				"2 build:mid:amd64 missing < build:base:amd64", "2 index:apart < build:apart:amd64", "2 index:base < build:base:amd64",
				"3 build:app:amd64 missing < build:mid:amd64", "3 index:mid < build:mid:amd64",
				"4 index:app < build:app:amd64",
			},
		},
		"all in the store": {
			world: func(w *world) { w.stored("apart", "app", "base", "mid") },
			want: []string{
				"0 reuse:apart:amd64 in_store", "0 reuse:app:amd64 in_store", "0 reuse:base:amd64 in_store", "0 reuse:mid:amd64 in_store",
			},
		},
		"all in the registry": {
			world: func(w *world) { w.pushed("apart", "app", "base", "mid") },
			want: []string{
				"0 reuse:apart:amd64 in_registry", "0 reuse:app:amd64 in_registry", "0 reuse:base:amd64 in_registry", "0 reuse:mid:amd64 in_registry",
			},
		},
		"in both, the store is taken": {
			world: func(w *world) { w.stored("app"); w.pushed("app"); w.selected("app") },
			want:  []string{"0 reuse:app:amd64 in_store"},
		},
		"what only a reused node needed is not needed": {
			world: func(w *world) { w.stored("app"); w.selected("app") },
			want:  []string{"0 reuse:app:amd64 in_store"},
		},
		"one above what is reused": {
			world: func(w *world) { w.stored("mid"); w.selected("app") },
			want: []string{
				"0 reuse:mid:amd64 in_store", "1 build:app:amd64 missing < reuse:mid:amd64", "2 index:app < build:app:amd64",
			},
		},
		"what a build uses is pulled": {
			world: func(w *world) { w.pushed("mid"); w.selected("app") },
			want: []string{
				"0 reuse:mid:amd64 in_registry", "1 pull:mid:amd64 < reuse:mid:amd64",
				"2 build:app:amd64 missing < pull:mid:amd64", "3 index:app < build:app:amd64",
			},
		},
		"a gap in the middle": {
			world: func(w *world) { w.stored("app", "base"); w.selected("mid") },
			want: []string{
				"0 reuse:base:amd64 in_store", "1 build:mid:amd64 missing < reuse:base:amd64", "2 index:mid < build:mid:amd64",
			},
		},
		"offline": {
			world: func(w *world) { w.pushed("base"); w.selected("base"); w.registry = nil },
			want:  []string{"1 build:base:amd64 missing", "2 index:base < build:base:amd64"},
		},
		"made of other inputs": {
			world: func(w *world) {
				w.stored("base")
				w.store.images[w.r.Package("base").Ref()].Hash = strings.Repeat("0", 64)
				w.selected("base")
			},
			want: []string{"1 build:base:amd64 missing", "2 index:base < build:base:amd64"},
		},
		"without the annotation, the tag says what it is": {
			world: func(w *world) {
				w.stored("base")
				w.store.images[w.r.Package("base").Ref()].Hash = ""
				w.selected("base")
			},
			want: []string{"0 reuse:base:amd64 in_store"},
		},
		"damaged": {
			world: func(w *world) {
				w.stored("base")
				image := w.store.images[w.r.Package("base").Ref()]
				image.Manifests, image.Damaged = nil, []string{amd64}
				w.selected("base")
			},
			want: []string{"1 build:base:amd64 damaged", "2 index:base < build:base:amd64"},
		},
		"index lost": {
			world: func(w *world) {
				w.stored("base")
				image := w.store.images[w.r.Package("base").Ref()]
				image.Manifests, image.Lost = nil, true
				w.selected("base")
			},
			want: []string{"1 build:base:amd64 damaged", "2 index:base < build:base:amd64"},
		},
		"damaged, but in the registry": {
			world: func(w *world) {
				w.stored("base")
				image := w.store.images[w.r.Package("base").Ref()]
				image.Manifests, image.Damaged = nil, []string{amd64}
				w.pushed("base")
				w.selected("base")
			},
			want: []string{"0 reuse:base:amd64 in_registry"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chain())
			test.world(w)
			ports := w.ports()
			if w.registry == nil {
				ports.Registry = nil
			}
			p, err := planner.Make(t.Context(), w.r, ports, w.opts)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "steps", describe(p), test.want)
			if todo := slices.ContainsFunc(p.Steps, func(s planner.Step) bool { return s.Kind != planner.KindReuse }); p.Applyable != todo {
				t.Errorf("applyable is %v", p.Applyable)
			}
		})
	}
}

func TestMakePlatforms(t *testing.T) {
	files := inline(map[string]string{
		"base": `platforms = ["linux/amd64", "linux/arm64", "linux/s390x"]`,
		"app":  from("FROM --platform=$BUILDPLATFORM registry.test/acme/base"),
	})
	w := newWorld(t, files)
	w.selected("app")
	w.opts.Platforms = []string{arm64}
	equal(t, "one platform, built with the native base", describe(w.make()), []string{
		"1 build:base:amd64 missing", "2 build:app:arm64 missing < build:base:amd64", "2 index:base < build:base:amd64", "3 index:app < build:app:arm64",
	})
	w.opts.Platforms, w.opts.SkipPlatforms = nil, []string{arm64, "linux/s390x"}
	w.selected()
	equal(t, "others skipped", describe(w.make()), []string{
		"1 build:base:amd64 missing", "2 build:app:amd64 missing < build:base:amd64", "2 index:base < build:base:amd64", "3 index:app < build:app:amd64",
	})
	w.opts.Platforms, w.opts.SkipPlatforms = []string{"linux/riscv64"}, nil
	if _, err := planner.Make(t.Context(), w.r, w.ports(), w.opts); err == nil || !strings.Contains(err.Error(), "linux/riscv64") {
		t.Errorf("a platform that nothing has: %v", err)
	}
}

// Adding a platform keeps the tag, and builds the new node only.
func TestMakePlatformAdded(t *testing.T) {
	w := newWorld(t, inline(map[string]string{"app": ""}))
	w.store.add(w.r.Package("app"), amd64)
	equal(t, "steps", describe(w.make()), []string{
		"0 reuse:app:amd64 in_store", "1 build:app:arm64 platform_missing", "2 index:app < build:app:arm64",
	})
	// In two places, one platform in each.
	w.registry.add(w.r.Package("app"), arm64)
	equal(t, "steps", describe(w.make()), []string{"0 reuse:app:amd64 in_store", "0 reuse:app:arm64 in_registry"})
}

func TestMakePushes(t *testing.T) {
	files := chain().replace(t, "stowage.hcl", `package "app" {`, "package \"app\" {\n  extra_tags = [\"latest\", \"edge\"]")
	for name, test := range map[string]struct {
		world func(w *world)
		want  []string
	}{
		"nothing exists": {
			world: func(*world) {},
			want: []string{
				"1 build:base:amd64 missing", "2 build:mid:amd64 missing < build:base:amd64", "2 index:base < build:base:amd64",
				"3 build:app:amd64 missing < build:mid:amd64", "3 index:mid < build:mid:amd64", "4 index:app < build:app:amd64",
				"5 push:app < index:app", "6 tag:app:edge < push:app", "6 tag:app:latest < push:app",
			},
		},
		"only in the store": {
			world: func(w *world) { w.stored("app") },
			want: []string{
				"0 reuse:app:amd64 in_store", "1 push:app < reuse:app:amd64", "2 tag:app:edge < push:app", "2 tag:app:latest < push:app",
			},
		},
		"in the registry, tags unset": {
			world: func(w *world) { w.pushed("app") },
			want:  []string{"0 reuse:app:amd64 in_registry", "1 tag:app:edge < reuse:app:amd64", "1 tag:app:latest < reuse:app:amd64"},
		},
		"in the registry, one tag elsewhere": {
			world: func(w *world) {
				w.stored("app")
				w.pushed("app")
				w.registry.images["registry.test/acme/app:latest"] = w.registry.images[w.r.Package("app").Ref()]
				w.registry.images["registry.test/acme/app:edge"] = &planner.Image{Digest: "sha256:other"}
			},
			want: []string{"0 reuse:app:amd64 in_store", "1 tag:app:edge < reuse:app:amd64"},
		},
		"all done": {
			world: func(w *world) {
				w.pushed("app")
				w.registry.images["registry.test/acme/app:latest"] = w.registry.images[w.r.Package("app").Ref()]
				w.registry.images["registry.test/acme/app:edge"] = w.registry.images[w.r.Package("app").Ref()]
			},
			want: []string{"0 reuse:app:amd64 in_registry"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			w.selected("app")
			w.opts.Push = true
			test.world(w)
			equal(t, "steps", describe(w.make()), test.want)
		})
	}
}

// One platform is pushed already, another is built now.
func TestMakePushesAPlatformThatIsAdded(t *testing.T) {
	w := newWorld(t, inline(map[string]string{"app": ""}))
	w.opts.Push = true
	w.registry.add(w.r.Package("app"), amd64)
	equal(t, "steps", describe(w.make()), []string{
		"0 reuse:app:amd64 in_registry", "1 build:app:arm64 platform_missing", "2 index:app < build:app:arm64",
		"3 push:app < index:app reuse:app:amd64",
	})
}

// A node that was not asked for, and is built because another needs it, is no
// reason to push.
func TestMakePushesOnlyWhatIsWanted(t *testing.T) {
	w := newWorld(t, inline(map[string]string{
		"base": "", "app": from("FROM --platform=$BUILDPLATFORM registry.test/acme/base"),
	}))
	w.opts.Push, w.opts.Platforms = true, []string{arm64}
	w.registry.add(w.r.Package("base"), arm64)
	equal(t, "steps", describe(w.make()), []string{
		"0 reuse:base:arm64 in_registry", "1 build:base:amd64 platform_missing",
		"2 build:app:arm64 missing < build:base:amd64", "2 index:base < build:base:amd64",
		"3 index:app < build:app:arm64", "4 push:app < index:app",
	})
}

func TestMakeRefusesToPush(t *testing.T) {
	s := newSetup(t, tree{
		"stowage.hcl":    header + "package \"app\" {\n  context = \"app\"\n}\npackage \"other\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n",
		"app/Dockerfile": "FROM scratch\n",
	})
	s.sources.dirty = map[string]bool{"app": true}
	w := &world{tb: t, r: s.resolve(), store: newCatalog(), registry: newCatalog(), opts: planner.Options{Packages: []string{"app", "other"}, Push: true, Now: noon}}
	p := w.make()
	if p.Applyable || !p.Errored || !p.Workspace.Dirty || !p.Package("app").Dirty || p.Package("other").Dirty {
		t.Errorf("applyable %v, errored %v, dirty %v, packages %+v", p.Applyable, p.Errored, p.Workspace.Dirty, p.Packages)
	}
	if len(p.Diagnostics) != 1 || p.Diagnostics[0].Severity != "error" || p.Diagnostics[0].Package != "app" || !strings.Contains(p.Diagnostics[0].Detail, "--allow-dirty") {
		t.Errorf("diagnostics are %+v", p.Diagnostics)
	}
	w.opts.AllowDirty = true
	if p := w.make(); !p.Applyable || p.Errored || len(p.Diagnostics) > 0 {
		t.Errorf("with AllowDirty: %+v", p.Diagnostics)
	}
	w.opts.AllowDirty, w.opts.Push = false, false
	if p := w.make(); !p.Applyable || p.Errored {
		t.Errorf("without Push: %+v", p.Diagnostics)
	}
	// Nothing of it would be pushed: nothing to refuse.
	w.opts.Push = true
	w.pushed("app", "other")
	if p := w.make(); p.Errored || p.ToDo() != 0 {
		t.Errorf("all pushed before: %+v", p.Diagnostics)
	}

	ports := w.ports()
	ports.Registry = nil
	if _, err := planner.Make(t.Context(), w.r, ports, w.opts); err == nil {
		t.Error("pushing without a registry is planned")
	}
}

// What a package is made from counts, however far, but not what it only waits
// for.
func TestMakeRefusesToPushWhatIsMadeFromDirty(t *testing.T) {
	s := newSetup(t, tree{
		"stowage.hcl": header + `
package "base" {
  context = "base"
}
package "mid" {
  dockerfile_inline = "FROM registry.test/acme/base"
  context = "clean"
}
package "app" {
  dockerfile_inline = "FROM registry.test/acme/mid"
  context = "clean"
}
package "after" {
  dockerfile_inline = "FROM scratch"
  context = "clean"
  depends_on = [package.base]
}
`,
		"base/Dockerfile": "FROM scratch\n", "clean/file": "x",
	})
	s.sources.dirty = map[string]bool{"base": true}
	w := &world{tb: t, r: s.resolve(), store: newCatalog(), registry: newCatalog(), records: records{}, estimates: estimates{}}
	w.opts.Push = true
	w.selected("app")
	diags := w.make().Diagnostics
	if len(diags) != 1 || diags[0].Severity != "error" || diags[0].Package != "app" || !strings.Contains(diags[0].Detail, "files of base") {
		t.Errorf("diagnostics %+v", diags)
	}
	w.selected("after")
	if diags := w.make().Diagnostics; len(diags) != 0 {
		t.Errorf("after: %+v", diags)
	}
}
