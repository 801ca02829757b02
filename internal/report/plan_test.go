package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

func TestPlan(t *testing.T) {
	for name, plan := range map[string]*planner.Plan{
		"first": firstPlan(), "change": changePlan(), "nothing": nothingPlan(), "errors": errorPlan(),
	} {
		t.Run(name, func(t *testing.T) {
			got := &strings.Builder{}
			if err := report.Plan(got, plan, report.PlanOptions{}); err != nil {
				t.Fatal(err)
			}
			golden(t, "plan_"+name+".golden.txt", got.String())
			if strings.Contains(got.String(), "\x1b") {
				t.Error("an escape sequence in a text without colours")
			}
		})
	}
}

func TestPlanColored(t *testing.T) {
	got := &strings.Builder{}
	if err := report.Plan(got, changePlan(), report.PlanOptions{Color: true}); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan_colored.golden.txt", strings.ReplaceAll(got.String(), "\x1b", "ESC"))
}

func TestPlanTellsWriteErrors(t *testing.T) {
	if err := report.Plan(brokenWriter{}, firstPlan(), report.PlanOptions{}); err == nil {
		t.Fatal("no error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("broken pipe") }

func TestSummary(t *testing.T) {
	for want, plan := range map[string]*planner.Plan{
		"Plan: 12 to build, 3 to index, 3 to push, 2 to tag; 180 reused (170 registry, 10 store). Estimated 4m10s (critical path base → app → image).": {
			Summary:    planner.Summary{Build: 12, Index: 3, Push: 3, Tag: 2, ReuseRegistry: 170, ReuseStore: 10},
			EstimateMS: 250_000, CriticalPath: []string{"base", "app", "image"},
		},
		"Plan: nothing to do; 28 reused (28 store).":                         {Summary: planner.Summary{ReuseStore: 28}},
		"Plan: nothing to do; 0 reused.":                                     {},
		"Plan: 1 to build, 2 to pull, 3 to load; 4 reused (4 registry).":     {Summary: planner.Summary{Build: 1, Pull: 2, Load: 3, ReuseRegistry: 4}},
		"Plan: 1 to build; 0 reused. Estimated 0.3s.":                        {Summary: planner.Summary{Build: 1}, EstimateMS: 250},
		"Plan: 1 to build; 0 reused. Estimated 12s (critical path base).":    {Summary: planner.Summary{Build: 1}, EstimateMS: 12_000, CriticalPath: []string{"base"}},
		"Plan: 1 to push; 2 reused (1 registry, 1 store). Estimated 1h2m.":   {Summary: planner.Summary{Push: 1, ReuseRegistry: 1, ReuseStore: 1}, EstimateMS: 3_720_000},
		"Plan: 1 to index, 1 to push, 1 to tag; 0 reused. Estimated 59m59s.": {Summary: planner.Summary{Index: 1, Push: 1, Tag: 1}, EstimateMS: 3_599_000},
	} {
		if got := report.Summary(plan); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// makePlan sorts steps as a planner does and counts them.
func makePlan(packages []planner.PackageInfo, steps ...planner.Step) *planner.Plan {
	p := &planner.Plan{Packages: packages, Steps: steps}
	for _, s := range steps {
		if s.Wave > 0 {
			for len(p.Waves) < s.Wave {
				p.Waves = append(p.Waves, nil)
			}
			p.Waves[s.Wave-1] = append(p.Waves[s.Wave-1], s.ID)
		}
		switch {
		case s.Kind == planner.KindBuild:
			p.Summary.Build++
		case s.Kind == planner.KindPull:
			p.Summary.Pull++
		case s.Kind == planner.KindIndex:
			p.Summary.Index++
		case s.Kind == planner.KindPush:
			p.Summary.Push++
		case s.Kind == planner.KindTag:
			p.Summary.Tag++
		case s.FoundIn == "store":
			p.Summary.ReuseStore++
		case s.FoundIn == "registry":
			p.Summary.ReuseRegistry++
		}
	}
	return p
}

func pkg(name string, platforms ...string) planner.PackageInfo {
	ref := "ghcr.io/acme/" + name + ":" + strings.Repeat("0123456789", 4)
	return planner.PackageInfo{Name: name, Ref: ref, Platforms: platforms}
}

func in(wave int, s planner.Step, reason planner.Reason, changes ...string) planner.Step {
	s.Wave, s.Reason, s.Changes = wave, reason, changes
	return s
}

func reused(name, platform, where string) planner.Step {
	return planner.Step{ID: "reuse:" + name + ":" + platform, Kind: planner.KindReuse, Package: name, Platform: platform, FoundIn: where}
}

const amd64, arm64 = "linux/amd64", "linux/arm64"

func firstPlan() *planner.Plan {
	return makePlan(
		[]planner.PackageInfo{pkg("base", amd64, arm64), pkg("a-longer-name", amd64)},
		in(1, build("base", amd64), planner.ReasonMissing), in(1, build("base", arm64), planner.ReasonMissing),
		in(2, build("a-longer-name", amd64), planner.ReasonMissing), in(2, step(planner.KindIndex, "base"), ""),
		in(3, step(planner.KindIndex, "a-longer-name"), ""), in(3, step(planner.KindPush, "base"), ""),
		in(4, planner.Step{ID: "tag:base:latest", Kind: planner.KindTag, Package: "base", Tag: "latest"}, ""),
		in(4, planner.Step{ID: "tag:base:v1", Kind: planner.KindTag, Package: "base", Tag: "v1"}, ""),
	)
}

// changePlan has all that a plan may have.
func changePlan() *planner.Plan {
	packages := []planner.PackageInfo{pkg("app", amd64, arm64), pkg("half", amd64, arm64)}
	steps := []planner.Step{reused("half", amd64, "registry"), reused("unknown", amd64, "registry")}
	for i := range 30 {
		name := fmt.Sprintf("library-%02d", i)
		packages = append(packages, pkg(name, amd64, arm64))
		where := "registry"
		if i%10 == 0 {
			where = "store"
		}
		steps = append(steps, reused(name, amd64, where), reused(name, arm64, where))
	}
	long := []string{"file app/a.go", "file app/b.go", "arg VERSION", "label x", "stage", "secret npm", "network", "file evil\x1b[2J"}
	steps = append(steps,
		in(1, build("app", amd64), planner.ReasonInputsChanged, long...),
		in(1, build("app", arm64), planner.ReasonInputsChanged, long...),
		in(1, build("世界", amd64), planner.ReasonDependencyChanged, "dependency base"),
		in(1, build(`web["a b"]`, amd64), planner.ReasonPlatformMissing),
		in(1, build(`web["a b"]`, arm64), planner.ReasonForced, "file x\x1b[2J"),
		in(1, planner.Step{ID: "pull:base:linux/amd64", Kind: planner.KindPull, Package: "base", Platform: amd64}, ""),
		in(2, step(planner.KindPush, "app"), ""),
		in(2, step(planner.KindPush, "unknown"), ""),
	)
	p := makePlan(packages, steps...)
	p.EstimateMS, p.CriticalPath = 250_000, []string{"base", "app"}
	p.Diagnostics = []planner.Diagnostic{
		{Severity: "warning", Summary: "No lock file", Detail: "References are hashed as they stand.\nRun stowage lock."},
		{Severity: "note", Summary: "Another tag of app", Location: "app/Dockerfile:3,6"},
	}
	return p
}

func nothingPlan() *planner.Plan {
	return makePlan([]planner.PackageInfo{pkg("app", amd64)}, reused("app", amd64, "store"))
}

func errorPlan() *planner.Plan {
	p := makePlan(nil)
	p.Diagnostics = []planner.Diagnostic{{Severity: "error", Summary: "Package app is dirty", Detail: "Commit it, or use --allow-dirty."}}
	return p
}

func TestPlanDoesNotChangeThePlan(t *testing.T) {
	p := changePlan()
	i := slices.IndexFunc(p.Steps, func(s planner.Step) bool { return s.Reason == planner.ReasonForced })
	if err := report.Plan(&strings.Builder{}, p, report.PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := p.Steps[i].Changes[0]; got != "file x\x1b[2J" {
		t.Errorf("changes are %q now", got)
	}
}
