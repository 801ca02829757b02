package planner_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// catalog is images by reference, and how often each was asked for.
type catalog struct {
	images map[string]*planner.Image
	fail   map[string]error
	mu     sync.Mutex
	asked  map[string]int
}

func newCatalog() *catalog {
	return &catalog{images: map[string]*planner.Image{}, fail: map[string]error{}, asked: map[string]int{}}
}

func (c *catalog) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[ref]++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.images[ref], c.fail[ref]
}

// add puts a package's image for platforms into the catalog, as building or
// pushing it does.
func (c *catalog) add(p *planner.Package, platforms ...string) {
	image := c.images[p.Ref()]
	if image == nil {
		image = &planner.Image{Hash: p.Hash, Manifests: map[string]ocispec.Descriptor{}}
		c.images[p.Ref()] = image
	}
	for _, platform := range platforms {
		image.Manifests[platform] = ocispec.Descriptor{Digest: digest.FromString(p.Hash + platform)}
	}
	image.Digest = digest.FromString(fmt.Sprint(p.Hash, slices.Sorted(maps.Keys(image.Manifests)))).String()
}

// world is a resolved workspace and what has been built of it.
type world struct {
	tb              testing.TB
	r               *planner.Resolved
	store, registry *catalog
	records         records
	estimates       estimates
	opts            planner.Options
}

func newWorld(tb testing.TB, files tree) *world {
	tb.Helper()
	w := &world{tb: tb, r: resolve(tb, files), store: newCatalog(), registry: newCatalog(), records: records{}, estimates: estimates{}}
	w.selected()
	w.opts.Now, w.opts.Version = noon, "v0.1.0"
	return w
}

// selected sets what is planned for.
func (w *world) selected(args ...string) {
	w.tb.Helper()
	var err error
	if w.opts.Packages, err = w.r.Select(args, "."); err != nil {
		w.tb.Fatal(err)
	}
}

// stored and pushed put images of all platforms of packages into a catalog.
func (w *world) stored(names ...string) { w.fill(w.store, names) }
func (w *world) pushed(names ...string) { w.fill(w.registry, names) }

func (w *world) fill(c *catalog, names []string) {
	for _, name := range names {
		p := w.r.Package(name)
		c.add(p, p.Platforms...)
	}
}

func (w *world) ports() planner.Ports {
	return planner.Ports{Store: w.store, Registry: w.registry, Records: w.records, Estimator: w.estimates}
}

func (w *world) make() *planner.Plan {
	w.tb.Helper()
	p, err := planner.Make(context.Background(), w.r, w.ports(), w.opts)
	if err != nil {
		w.tb.Fatalf("plan: %v", err)
	}
	return p
}

// records are the inputs of earlier builds by repository.
type records map[string]*planner.Inputs

func (r records) LastInputs(repository string) (*planner.Inputs, error) { return r[repository], nil }

// estimates are durations by node (repository:platform).
type estimates map[string]time.Duration

func (e estimates) Estimate(repository, platform string) time.Duration {
	return e[repository+":"+platform]
}

// describe is a plan's steps, one a line: wave, id, reason, needs.
func describe(p *planner.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		line := fmt.Sprintf("%d %s", s.Wave, s.ID)
		if s.Reason != "" {
			line += " " + string(s.Reason)
		}
		if len(s.Needs) > 0 {
			line += " < " + strings.Join(s.Needs, " ")
		}
		out = append(out, strings.ReplaceAll(line, "linux/", ""))
	}
	return out
}

// chain is base ← mid ← app and a package apart, for one platform.
func chain() tree {
	files := inline(map[string]string{
		"base": "", "mid": from("FROM registry.test/acme/base"), "app": from("FROM registry.test/acme/mid"), "apart": "",
	})
	files["stowage.hcl"] = strings.Replace(files["stowage.hcl"], `["linux/amd64", "linux/arm64"]`, `["linux/amd64"]`, 1)
	return files
}

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

func (f failingRecords) LastInputs(string) (*planner.Inputs, error) { return nil, f.err }

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
