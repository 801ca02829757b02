package planner_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

func TestMakeIntoTheRegistry(t *testing.T) {
	files := chain().replace(t, "stowage.hcl", `package "app" {`, "package \"app\" {\n  extra_tags = [\"latest\"]")
	for name, test := range map[string]struct {
		world func(w *world)
		want  []string
	}{
		"all that is built is pushed, tags move for what is selected": {
			world: func(*world) {},
			want: []string{
				"1 build:base:amd64 missing", "2 build:mid:amd64 missing < build:base:amd64", "2 push:base < build:base:amd64",
				"3 build:app:amd64 missing < build:mid:amd64", "3 push:mid < build:mid:amd64",
				"4 push:app < build:app:amd64", "5 tag:app:latest < push:app",
			},
		},
		"what only the store has is built": {
			world: func(w *world) { w.stored("base", "mid"); w.pushed("base") },
			want: []string{
				"0 reuse:base:amd64 in_registry", "1 build:mid:amd64 missing < reuse:base:amd64",
				"2 build:app:amd64 missing < build:mid:amd64", "2 push:mid < build:mid:amd64",
				"3 push:app < build:app:amd64", "4 tag:app:latest < push:app",
			},
		},
		"what the registry has is not pulled": {
			world: func(w *world) { w.pushed("mid") },
			want: []string{
				"0 reuse:mid:amd64 in_registry", "1 build:app:amd64 missing < reuse:mid:amd64",
				"2 push:app < build:app:amd64", "3 tag:app:latest < push:app",
			},
		},
		"nothing but a tag": {
			world: func(w *world) { w.pushed("app") },
			want:  []string{"0 reuse:app:amd64 in_registry", "1 tag:app:latest < reuse:app:amd64"},
		},
		"without an index": {
			world: func(w *world) { w.pushed("base"); w.opts.NoIndex = true },
			want: []string{
				"0 reuse:base:amd64 in_registry", "1 build:mid:amd64 missing < reuse:base:amd64",
				"2 build:app:amd64 missing < build:mid:amd64", "2 push:mid < build:mid:amd64", "3 push:app < build:app:amd64",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			w.selected("app")
			w.opts.Push, w.opts.Output = true, planner.OutputRegistry
			test.world(w)
			p := w.make()
			equal(t, "steps", describe(p), test.want)
			validate(t, planSchema(t), p)
			for _, s := range p.Steps {
				if direct := s.Kind == planner.KindBuild || s.Kind == planner.KindPush; direct != (s.Output == planner.OutputRegistry) {
					t.Errorf("%s has output %q", s.ID, s.Output)
				}
			}
		})
	}
}

// A platform that is added to a package in the registry is pushed beside what
// is there; one that only another package's build needs is pushed as well.
func TestMakePlatformsIntoTheRegistry(t *testing.T) {
	w := newWorld(t, inline(map[string]string{
		"base": "", "app": from("FROM --platform=$BUILDPLATFORM registry.test/acme/base"),
	}))
	w.opts.Push, w.opts.Output, w.opts.Platforms = true, planner.OutputRegistry, []string{arm64}
	w.registry.add(w.r.Package("base"), arm64)
	equal(t, "steps", describe(w.make()), []string{
		"0 reuse:base:arm64 in_registry", "1 build:base:amd64 platform_missing",
		"2 build:app:arm64 missing < build:base:amd64", "2 push:base < build:base:amd64 reuse:base:arm64", "3 push:app < build:app:arm64",
	})
}

func TestMakeRefusesOutputs(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(o *planner.Options)
		want string
	}{
		"unknown":    {func(o *planner.Options) { o.Output = "tape" }, `"tape"`},
		"no push":    {func(o *planner.Options) { o.Push = false }, "nothing is to be pushed"},
		"load":       {func(o *planner.Options) { o.Load = true }, "to load images"},
		"pull":       {func(o *planner.Options) { o.Pull = true }, "to pull into the store"},
		"skip build": {func(o *planner.Options) { o.SkipBuild = true }, "pushed from the store"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, chain())
			w.opts.Push, w.opts.Output = true, planner.OutputRegistry
			test.set(&w.opts)
			if _, err := planner.Make(t.Context(), w.r, w.ports(), w.opts); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// Images that would have to be on this machine are mistakes of the plan, if
// they are wanted: outputs of what is selected, archives in what is built.
func TestMakeRefusesImagesOnThisMachine(t *testing.T) {
	w := newWorld(t, inline(map[string]string{
		"base":   "",
		"out":    "output \"local\" {\n dest = \"dist\"\n}",
		"packed": "archive \"base.tar\" {\n images = [package.base.ref]\n}\n" + from("FROM registry.test/acme/out"),
	}))
	w.opts.Push, w.opts.Output = true, planner.OutputRegistry
	w.selected("packed")
	refused(t, w.make(), "packed")
	w.selected()
	refused(t, w.make(), "out", "packed")
	w.pushed("packed", "out", "base")
	refused(t, w.make(), "out")
	w.selected("packed")
	refused(t, w.make())
}

// refused compares the packages that a plan's errors are about.
func refused(t *testing.T, p *planner.Plan, want ...string) {
	t.Helper()
	var got []string
	for _, d := range p.Diagnostics {
		if d.Severity == "error" {
			got = append(got, d.Package)
		}
	}
	equal(t, "refused", got, want)
	if p.Errored != (len(want) > 0) {
		t.Errorf("errored is %v", p.Errored)
	}
}
