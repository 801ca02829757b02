package planner_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stowage-build/stowage/planner"
)

var update = flag.Bool("update", false, "write testdata anew")

// harbour is a workspace in mid-life: something changed, something is new,
// something is in either catalog.
func harbour(tb testing.TB) *world {
	files := inline(map[string]string{
		"base":  `platforms = ["linux/amd64", "linux/arm64"]`,
		"tool":  "",
		"proto": "",
		"lint":  `platforms = ["linux/amd64"]`,
		"mid":   "args = { VERSION = \"2\" }\n" + from("FROM registry.test/acme/base", "COPY --from=registry.test/acme/tool / /"),
		"app":   "extra_tags = [\"latest\"]\nargs = { MID = package.mid.ref }\ndepends_on = [package.lint]\n" + from("ARG MID", "FROM $MID", "COPY --from=registry.test/acme/proto:v0 / /"),
		"every": "for_each = toset([\"a\", \"b\"])\nimage = \"every-${each.key}\"\n" + from("FROM registry.test/acme/proto"),
	})
	w := newWorld(tb, files)
	w.stored("base", "tool")
	w.pushed("base", "proto", "lint", `every["a"]`)
	w.remember(files.replace(tb, "stowage.hcl", `VERSION = "2"`, `VERSION = "1"`), "mid", "app")
	w.estimates["registry.test/acme/mid:"+amd64] = 90 * time.Second
	w.estimates["registry.test/acme/app:"+amd64] = 30 * time.Second
	w.opts.Push, w.opts.Revision = true, "0123456789012345678901234567890123456789"
	w.opts.Shown = map[string]any{"push": true, "packages": []string{"app", "every"}}
	w.selected("app", "every")
	return w
}

// remember records the inputs that packages have in another tree as those of
// their last builds.
func (w *world) remember(before tree, names ...string) {
	w.tb.Helper()
	r := resolve(w.tb, before)
	for _, name := range names {
		p := r.Package(name)
		w.records[p.Repository] = p.Inputs
	}
}

func TestPlanGolden(t *testing.T) {
	got, err := harbour(t).make().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.golden.json", got)
}

// golden compares with a file in testdata; -update writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("not as in %s (-update writes it anew):\n%s", name, got)
	}
}

// planSchema compiles the published JSON Schema.
func planSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("../docs/plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks a plan's JSON forms against the schema.
func validate(t *testing.T, s *jsonschema.Schema, p *planner.Plan) {
	t.Helper()
	for _, form := range []func() ([]byte, error){p.Marshal, p.MarshalSaved} {
		b, err := form()
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(value); err != nil {
			t.Errorf("%v\n%s", err, b)
		}
	}
}

func TestPlansFitTheSchema(t *testing.T) {
	s := planSchema(t)
	validate(t, s, harbour(t).make())

	w := newWorld(t, chain())
	validate(t, s, w.make())
	w.stored("app", "apart", "base", "mid")
	validate(t, s, w.make())

	empty := newWorld(t, tree{"stowage.hcl": header})
	empty.opts.Now = time.Now() // with a fraction of a second
	validate(t, s, empty.make())

	refused := newWorld(t, chain())
	refused.r.Package("app").Dirty, refused.opts.Push = true, true
	validate(t, s, refused.make())
}

// The schema is worth something only if it refuses what is no plan.
func TestSchemaRefusesWhatIsNoPlan(t *testing.T) {
	s := planSchema(t)
	b, err := harbour(t).make().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(plan map[string]any){
		"no steps":             func(plan map[string]any) { delete(plan, "steps") },
		"null waves":           func(plan map[string]any) { plan["waves"] = nil },
		"other version":        func(plan map[string]any) { plan["format_version"] = "2.0" },
		"unknown property":     func(plan map[string]any) { plan["more"] = true },
		"bad time":             func(plan map[string]any) { plan["created_at"] = "yesterday" },
		"unknown reason":       func(plan map[string]any) { firstStep(plan, "build")["reason"] = "why_not" },
		"build without reason": func(plan map[string]any) { delete(firstStep(plan, "build"), "reason") },
		"build in wave 0":      func(plan map[string]any) { firstStep(plan, "build")["wave"] = json.Number("0") },
		"reuse in wave 1":      func(plan map[string]any) { firstStep(plan, "reuse")["wave"] = json.Number("1") },
		"tag without tag":      func(plan map[string]any) { delete(firstStep(plan, "tag"), "tag") },
		"index for a platform": func(plan map[string]any) { firstStep(plan, "index")["platform"] = amd64 },
		"short hash":           func(plan map[string]any) { plan["packages"].([]any)[0].(map[string]any)["hash"] = "abc" },
	} {
		t.Run(name, func(t *testing.T) {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			change(value.(map[string]any))
			if s.Validate(value) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

func firstStep(plan map[string]any, kind string) map[string]any {
	for _, s := range plan["steps"].([]any) {
		if step := s.(map[string]any); step["kind"] == kind {
			return step
		}
	}
	return nil
}

// Planning again gives the same bytes, whatever the goroutines and maps do;
// the time is the only thing that differs.
func TestPlanIsDeterministic(t *testing.T) {
	want, err := harbour(t).make().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		got, err := harbour(t).make().Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("first\n%s\nthen\n%s", want, got)
		}
	}
	w := harbour(t)
	w.opts.Now = noon.Add(time.Second)
	later, err := w.make().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got := bytes.Replace(later, []byte("12:00:01Z"), []byte("12:00:00Z"), 1); !bytes.Equal(got, want) {
		t.Errorf("more than the time differs:\n%s", later)
	}
}

func TestPlanReasons(t *testing.T) {
	files := tree{
		"stowage.hcl": header + `
package "base" {
  context   = "base"
  platforms = ["linux/amd64"]
}
package "app" {
  context   = "app"
  platforms = ["linux/amd64"]
  args      = { BASE = package.base.ref, VERSION = "1" }
  refresh   = "24h"
}
`,
		"base/Dockerfile": "FROM scratch\n", "base/file": "1", "app/Dockerfile": "ARG BASE\nFROM $BASE\n", "app/main.go": "1",
	}
	for name, test := range map[string]struct {
		before  func(tree) tree
		clock   time.Duration
		reason  planner.Reason
		changes []string
	}{
		"never built":    {reason: planner.ReasonMissing},
		"built and gone": {before: func(f tree) tree { return f }, reason: planner.ReasonMissing},
		"own file":       {before: func(f tree) tree { return f.with(tree{"app/main.go": "0"}) }, reason: planner.ReasonInputsChanged, changes: []string{"file app/main.go"}},
		"own argument": {
			before: func(f tree) tree { return f.replace(t, "stowage.hcl", `VERSION = "1"`, `VERSION = "0"`) },
			reason: planner.ReasonInputsChanged, changes: []string{"arg VERSION"},
		},
		"the dependency, and the argument made of it": {
			before: func(f tree) tree { return f.with(tree{"base/file": "0"}) },
			reason: planner.ReasonDependencyChanged, changes: []string{"arg BASE", "dependency base"},
		},
		"both": {
			before: func(f tree) tree { return f.with(tree{"base/file": "0", "app/new": ""}) },
			reason: planner.ReasonInputsChanged, changes: []string{"arg BASE", "dependency base", "file app/new"},
		},
		"time": {
			before: func(f tree) tree { return f }, clock: -24 * time.Hour,
			reason: planner.ReasonRefreshDue, changes: []string{"refresh 24h0m0s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, files)
			if test.before != nil {
				s := newSetup(t, test.before(files))
				s.now = noon.Add(test.clock)
				p := s.resolve().Package("app")
				w.records[p.Repository] = p.Inputs
			}
			for _, s := range w.make().Steps {
				if s.ID != "build:app:"+amd64 {
					continue
				}
				if s.Reason != test.reason || !slices.Equal(s.Changes, test.changes) {
					t.Errorf("the step says %s %q, want %s %q", s.Reason, s.Changes, test.reason, test.changes)
				}
				return
			}
			t.Error("app is not built")
		})
	}
}

// The records of a repository that another package built are no reason.
func TestPlanReasonIgnoresTheRecordsOfAnotherPackage(t *testing.T) {
	w := newWorld(t, inline(map[string]string{"app": `revision = "2"`}))
	before := resolve(t, inline(map[string]string{"old": "image = \"app\"\nrevision = \"1\""}))
	w.records["registry.test/acme/app"] = before.Package("old").Inputs
	if s := w.make().Steps[0]; s.Reason != planner.ReasonMissing || s.Changes != nil {
		t.Errorf("the step says %s %q", s.Reason, s.Changes)
	}
}

func TestPlanSummary(t *testing.T) {
	p := harbour(t).make()
	var want planner.Summary
	for _, s := range p.Steps {
		switch s.Kind {
		case planner.KindBuild:
			want.Build++
		case planner.KindPull:
			want.Pull++
		case planner.KindIndex:
			want.Index++
		case planner.KindPush:
			want.Push++
		case planner.KindTag:
			want.Tag++
		}
		switch s.FoundIn {
		case "store":
			want.ReuseStore++
		case "registry":
			want.ReuseRegistry++
		}
	}
	if p.Summary != want || want.Build == 0 || want.Pull == 0 || want.ReuseRegistry == 0 {
		t.Errorf("summary is %+v, steps say %+v", p.Summary, want)
	}
	if p.ToDo() != want.Build+want.Pull+want.Index+want.Push+want.Tag {
		t.Errorf("to do: %d", p.ToDo())
	}
	if p.EstimateMS != 120_000 || strings.Join(p.CriticalPath, " ") != "mid app" {
		t.Errorf("estimate %d ms, critical path %q", p.EstimateMS, p.CriticalPath)
	}
}

// A plan that was carried out leaves nothing to do.
func TestPlanAfterApply(t *testing.T) {
	w := harbour(t)
	first := w.make()
	if !first.Applyable || !first.Complete {
		t.Errorf("applyable %v, complete %v", first.Applyable, first.Complete)
	}
	w.apply(first)
	second := w.make()
	if second.ToDo() != 0 || second.Applyable || len(second.Waves) != 0 {
		t.Errorf("left to do: %v", describe(second))
	}
}

// apply does to the catalogs what the plan's steps say.
func (w *world) apply(p *planner.Plan) {
	for _, s := range p.Steps {
		pkg := w.r.Package(s.Package)
		switch s.Kind {
		case planner.KindBuild, planner.KindPull:
			w.store.add(pkg, s.Platform)
		case planner.KindPush:
			for platform := range w.store.images[pkg.Ref()].Manifests {
				w.registry.add(pkg, platform)
			}
		case planner.KindTag:
			w.registry.images[pkg.Repository+":"+s.Tag] = w.registry.images[pkg.Ref()]
		}
	}
}

// A selection that is filtered by platform leaves something out.
func TestPlanComplete(t *testing.T) {
	w := newWorld(t, inline(map[string]string{"app": ""}))
	if !w.make().Complete {
		t.Error("the whole selection is called incomplete")
	}
	w.opts.SkipPlatforms = []string{arm64}
	if w.make().Complete {
		t.Error("without arm64 it is called complete")
	}
	w.opts.SkipPlatforms, w.opts.Platforms = nil, []string{amd64}
	if w.make().Complete {
		t.Error("with amd64 only it is called complete")
	}
}

func TestPlanNotes(t *testing.T) {
	w := harbour(t)
	diags := w.make().Diagnostics
	if len(diags) != 2 || diags[0].Summary != "External images are not locked" || diags[1].Package != "app" || diags[1].Severity != "note" {
		t.Errorf("diagnostics are %+v", diags)
	}
	w.selected("every")
	if diags := w.make().Diagnostics; len(diags) != 0 {
		t.Errorf("without app: %+v", diags)
	}
}
