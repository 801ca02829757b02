package executor_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// TestSimulate: the schedule is the one that Apply makes, which is checked by
// builds that take exactly as long.
func TestSimulate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const steps = `
			build:base             ms=60000
			build:base:linux/arm64 ms=30000
			build:a < build:base
			build:b ms=20000 < build:base
			build:b:linux/arm64 ms=90000 < build:base:linux/arm64
			index:b < build:b build:b:linux/arm64
			push:b  < index:b
			tag:b:latest < push:b
			build:c ms=10000`
		h := newHarness(t, steps)
		two := &fake.Builder{Blobs: h.store}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "amd", Builder: h.builder, Platforms: []string{amd64}, Native: amd64, Slots: 1},
			{Name: "arm", Builder: two, Platforms: []string{arm64}, Native: arm64, Slots: 2},
		}
		given := map[string]time.Duration{"c:" + amd64: 70 * time.Second}
		got, err := executor.Simulate(h.plan, h, h.ports.Builders, executor.SimulateOptions{
			Unknown: 40 * time.Second,
			Given: func(pkg, platform string) (time.Duration, bool) {
				d, ok := given[pkg+":"+platform]
				return d, ok
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		takes := map[string]time.Duration{
			"base:" + amd64: 60 * time.Second, "base:" + arm64: 30 * time.Second, "a:" + amd64: 40 * time.Second,
			"b:" + amd64: 20 * time.Second, "b:" + arm64: 90 * time.Second, "c:" + amd64: 70 * time.Second,
		}
		for i, s := range h.plan.Steps {
			h.plan.Steps[i].EstimateMS = takes[s.Package+":"+s.Platform].Milliseconds()
		}
		for _, b := range []*fake.Builder{h.builder, two} {
			b.Do = sleeper(takes)
		}
		result := h.apply(t.Context())
		if got.MakespanMS != 190_000 || result.FinishedAt.Sub(result.StartedAt) != 190*time.Second {
			t.Errorf("it took %v, and was said to take %dms", result.FinishedAt.Sub(result.StartedAt), got.MakespanMS)
		}
		for _, d := range result.Done {
			for _, s := range got.Steps {
				if s.ID == d.Step.ID && (s.Builder != d.Builder || s.StartMS != d.StartedAt.Sub(result.StartedAt).Milliseconds()) {
					t.Errorf("%s ran on %s at %v, and was said to on %s at %dms", s.ID, d.Builder, d.StartedAt.Sub(result.StartedAt), s.Builder, s.StartMS)
				}
			}
		}
		if got.LowerBoundMS != 190_000 || got.CriticalPathMS != 120_000 || got.WorkMS != 310_000 || got.Slots != 3 ||
			got.Builds != 6 || got.Unrecorded != 1 || got.Builders[1].BusyMS != 120_000 || got.Builders[0].Utilisation != 1 {
			t.Errorf("simulation is %+v", got)
		}
	})
}

func TestSimulateRefuses(t *testing.T) {
	h := newHarness(t, "build:a:linux/arm64\nbuild:b < build:a:linux/arm64")
	builders := []executor.BuilderPort{{Name: "amd", Platforms: []string{amd64}}}
	if _, err := executor.Simulate(h.plan, h, builders, executor.SimulateOptions{}); err == nil || !strings.Contains(err.Error(), "no builder builds for linux/arm64") {
		t.Errorf("error is %v", err)
	}
	h.plan.Steps[0].Needs = []string{h.plan.Steps[1].ID}
	if _, err := executor.Simulate(h.plan, h, h.ports.Builders, executor.SimulateOptions{}); err == nil || !strings.Contains(err.Error(), "cannot be ordered") {
		t.Errorf("error is %v", err)
	}
	if _, err := executor.Simulate(nil, h, nil, executor.SimulateOptions{}); err == nil {
		t.Error("no plan was simulated")
	}
}

func TestSimulateNothing(t *testing.T) {
	h := newHarness(t, "")
	s, err := executor.Simulate(h.plan, h, nil, executor.SimulateOptions{})
	if err != nil || s.MakespanMS != 0 || s.Utilisation != 0 {
		t.Errorf("nothing is %+v, %v", s, err)
	}
	if text, err := s.Marshal(); err != nil || !strings.Contains(string(text), `"steps": []`) {
		t.Errorf("JSON is %s, %v", text, err)
	}
}
