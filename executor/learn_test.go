package executor_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// runsPrograms makes each build run programs of its platform.
func (h *harness) runsPrograms() {
	h.change = func(_ string, spec *executor.BuildSpec) { spec.Runs = []string{spec.Request.Platform} }
}

// TestAskedWhenItAnswers: what a builder that was down at first can run is known
// when it answers, and nothing that it cannot run goes there.
func TestAskedWhenItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(6)+"build:arm:linux/arm64\n")
		h.runsPrograms()
		arm, amd := newMachine(h, 0, 0), newMachine(h, 0, 20*time.Second)
		amd.down, amd.about = true, executor.About{Native: amd64, Runs: []string{amd64}}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "one", Builder: arm, Native: amd64, Runs: []string{amd64, arm64}, Slots: 1},
			{Name: "late", Builder: amd, Slots: 9, Lost: errors.New("connection refused")},
		}
		result := h.apply(t.Context())
		if !result.OK() || len(amd.Requests()) == 0 {
			t.Errorf("result is %v, with %d builds on the late one", summary(result), len(amd.Requests()))
		}
		for _, req := range amd.Requests() {
			if req.Platform != amd64 {
				t.Errorf("%s was built where its programs do not run", req.Node)
			}
		}
	})
}

// TestNativeOfLate: a build that wants a native platform waits for a builder that
// was down and has not said what it is. It is not placed there if that is another.
func TestNativeOfLate(t *testing.T) {
	for native, want := range map[string]string{
		arm64: "build:a built\nbuild:b built",
		amd64: "build:a built\nbuild:b failed",
	} {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, "build:a\nbuild:b")
			h.each(time.Minute)
			h.change = func(node string, spec *executor.BuildSpec) {
				if node == "b:"+amd64 {
					spec.NativeOnly = arm64
				}
			}
			late := newMachine(h, 0, 20*time.Second)
			late.down, late.about = true, executor.About{Native: native, Runs: []string{amd64, arm64}}
			h.ports.Builders = []executor.BuilderPort{
				{Name: "amd", Builder: h.builder, Native: amd64}, {Name: "late", Builder: late, Lost: errors.New("connection refused")},
			}
			result := h.apply(t.Context())
			expect(t, native, summary(result), want)
			if len(result.Failed) > 0 && !strings.Contains(result.Failed[0].Error, "no builder builds for linux/amd64 on a native platform of linux/arm64") {
				t.Errorf("the reason is %q", result.Failed[0].Error)
			}
		})
	}
}

// TestCannotRunAfterAll: a build that waits for a builder which, once it
// answers, cannot run it fails with that reason. The rest goes on.
func TestCannotRunAfterAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:arm:linux/arm64\nbuild:top:linux/arm64 < build:arm:linux/arm64\nbuild:b < build:a")
		h.runsPrograms()
		h.each(time.Minute)
		late := newMachine(h, 0, 20*time.Second)
		late.down, late.about = true, executor.About{Native: amd64, Runs: []string{amd64, "linux/386"}}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "amd", Builder: h.builder, Platforms: []string{amd64}},
			{Name: "late", Builder: late, Platforms: []string{arm64}, Lost: errors.New("connection refused"),
				Lacks: func(platform string) string { return "Get an emulator for " + platform + "." }},
		}
		result := h.apply(t.Context())
		expect(t, "result", summary(result), `
			build:a built
			build:arm:linux/arm64 failed
			build:b built
			build:top:linux/arm64 skipped build:arm:linux/arm64`)
		want := "builder late cannot run programs for linux/arm64, which RUN instructions are; it runs those for linux/amd64, linux/386. Get an emulator for linux/arm64."
		if len(late.Requests()) > 0 || !strings.Contains(result.Failed[0].Error, want) {
			t.Errorf("after %d builds there the reason is %q", len(late.Requests()), result.Failed[0].Error)
		}
	})
}
