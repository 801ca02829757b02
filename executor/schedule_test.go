package executor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// many is n independent builds.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "build:p%02d\n", i)
	}
	return b.String()
}

// nodes are the nodes in the order in which builds of them began.
func (h *harness) nodes() []string {
	var out []string
	for _, req := range h.builder.Requests() {
		out = append(out, strings.TrimSuffix(req.Node, ":"+amd64))
	}
	return out
}

// took checks how long the run was.
func took(t *testing.T, r *executor.Result, want time.Duration) {
	t.Helper()
	if got := r.FinishedAt.Sub(r.StartedAt); got != want {
		t.Errorf("the run took %v, want %v", got, want)
	}
}

func TestJobsBoundBuilds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(10))
		h.opts.Jobs = 3
		h.each(time.Second)
		took(t, h.apply(t.Context()), 4*time.Second)
		if h.builder.Most() != 3 {
			t.Errorf("%d builds at once", h.builder.Most())
		}
	})
}

// TestJobsBoundAll: pushes hold jobs as builds do.
func TestJobsBoundAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\npush:a < build:a\nbuild:b\npush:b < build:b")
		h.opts.Jobs = 2
		h.each(time.Second)
		h.registry.Fail = func(op, _ string) error {
			if op == "push" {
				time.Sleep(3 * time.Second)
			}
			return nil
		}
		h.plan.Steps = append(h.plan.Steps, parseStep(t, "build:a:linux/arm64"))
		took(t, h.apply(t.Context()), 5*time.Second) // 1+3 twice, and 1 more on two jobs
	})
}

func TestSlotsBoundBuilders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(8))
		two := &fake.Builder{Blobs: h.store}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "one", Builder: h.builder, Slots: 1},
			{Name: "two", Builder: two, Slots: 3},
		}
		h.each(time.Second)
		two.Do = h.builder.Do
		took(t, h.apply(t.Context()), 2*time.Second)
		if h.builder.Most() != 1 || two.Most() != 3 {
			t.Errorf("%d and %d builds at once", h.builder.Most(), two.Most())
		}
	})
}

// TestPlacement: builds go only where their platform, and their native
// platform, are; one that finds no room keeps no other waiting.
func TestPlacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, `
			build:a:linux/amd64 ms=9
			build:b:linux/amd64 ms=8
			build:b:linux/arm64
			build:c:linux/amd64
			build:d:linux/amd64`)
		arm := &fake.Builder{Blobs: h.store}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "arm", Builder: arm, Platforms: []string{arm64, amd64}, Native: arm64},
			{Name: "amd", Builder: h.builder, Platforms: []string{amd64}, Native: amd64},
		}
		h.change = func(node string, s *executor.BuildSpec) {
			if node != "b:"+arm64 {
				s.NativeOnly = amd64
			}
			if node == "d:"+amd64 {
				s.NativeOnly = arm64
			}
		}
		h.each(time.Second)
		arm.Do = h.builder.Do
		took(t, h.apply(t.Context()), 3*time.Second)
		expect(t, "on amd", h.builder.Nodes(), "a:linux/amd64\nb:linux/amd64\nc:linux/amd64")
		expect(t, "on arm", arm.Nodes(), "b:linux/arm64\nd:linux/amd64")
	})
}

// TestLongestFirst: what has the longest way to the end starts first, whatever
// its own length. What was never recorded counts as the median, 50.
func TestLongestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, `
			build:a  ms=50
			build:b  ms=10
			build:c  ms=70 < build:b
			build:d  ms=60
			build:e  ms=10 < build:f
			build:f
			build:g
			build:h
			build:i
			build:j  < build:i`)
		h.ports.Builders[0].Slots = 1
		h.each(time.Second)
		h.apply(t.Context())
		expect(t, "order", h.nodes(), "i\nb\nc\nd\nf\na\ng\nh\nj\ne")
	})
}

func TestOneJobIsOrdered(t *testing.T) {
	const steps = `
		build:z
		build:b  ms=10
		build:a  ms=70 < build:b
		index:b  < build:b
		tag:b:x  < index:b
		build:c  < build:a
		push:a   < build:a`
	var first []string
	for range 20 {
		h := newHarness(t, steps)
		h.opts.Jobs = 1
		h.apply(t.Context())
		starts := h.events.lines(executor.EventStepStarted, executor.EventStepFinished)
		if first == nil {
			first = starts
			expect(t, "events", starts, `
				step_started build:b
				step_finished build:b
				step_started build:z
				step_finished build:z
				step_started build:a
				step_finished build:a
				step_started index:b
				step_finished index:b
				step_started build:c
				step_finished build:c
				step_started push:a
				step_finished push:a
				step_started tag:b:x
				step_finished tag:b:x`)
		}
		if !slices.Equal(starts, first) {
			t.Fatalf("another order: %v", starts)
		}
	}
}

// TestSchedules: a ready build of a later wave waits in the one and not in
// the other.
func TestSchedules(t *testing.T) {
	for schedule, want := range map[executor.Schedule]time.Duration{
		executor.ScheduleEager: 11 * time.Second,
		executor.ScheduleWaves: 20 * time.Second,
	} {
		t.Run(string(schedule), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, `
					reuse:r
					build:quick < reuse:r
					build:slow  < reuse:r
					build:after < build:quick
					tag:quick:x < build:quick`)
				h.seed("r", amd64)
				h.opts.Schedule = schedule
				h.does(func(ctx context.Context, node string, _ int) error {
					if node == "quick" {
						return sleep(ctx, time.Second)
					}
					return sleep(ctx, 10*time.Second)
				})
				h.registry.Fail = func(string, string) error { return errors.New("never mind") }
				result := h.apply(t.Context())
				took(t, result, want)
				if len(result.Done) != 4 {
					t.Errorf("result is %v", summary(result))
				}
			})
		})
	}
}

// TestWavesGoOnAfterFailures: a wave ends when its steps have ended, however.
func TestWavesGoOnAfterFailures(t *testing.T) {
	h := newHarness(t, `
		build:a
		build:b
		build:c < build:a
		build:d < build:b
		build:e < build:c build:d
		tag:d:x < build:d`)
	h.opts.Schedule = executor.ScheduleWaves
	h.does(func(_ context.Context, node string, _ int) error {
		if node == "a" {
			return errors.New("no")
		}
		return nil
	})
	expect(t, "result", summary(h.apply(t.Context())), `
		build:a failed
		build:b built
		build:c skipped build:a
		build:d built
		build:e skipped build:a
		tag:d:x skipped build:a`)
}

// TestTagsComeLast: a tag moves after everything else, not only after what it
// needs, and only when all of that succeeded.
func TestTagsComeLast(t *testing.T) {
	const steps = `
		build:a
		push:a       < build:a
		tag:a:latest < push:a
		tag:a:stable < push:a tag:a:latest
		build:slow
		build:end    < build:slow`
	tests := map[string]struct{ failing, want string }{
		"all well": {"", `
			build:a built
			build:slow built
			build:end built
			push:a pushed
			tag:a:latest tagged
			tag:a:stable tagged`},
		"something else failed": {"slow", `
			build:a built
			build:slow failed
			build:end skipped build:slow
			push:a pushed
			tag:a:latest skipped build:slow
			tag:a:stable skipped build:slow`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, steps)
				h.does(func(ctx context.Context, node string, _ int) error {
					if node == tt.failing {
						return errors.New("no")
					}
					if node != "a" {
						return sleep(ctx, time.Minute)
					}
					return nil
				})
				expect(t, "result", summary(h.apply(t.Context())), tt.want)
				ends := h.events.lines(executor.EventStepFinished)
				if len(ends) != 6 || !strings.Contains(ends[4]+ends[5], "latest") {
					t.Errorf("tags were not last: %v", ends)
				}
			})
		})
	}
}

func TestTagFailure(t *testing.T) {
	h := newHarness(t, "build:a\npush:a < build:a\ntag:a:x < push:a\ntag:a:y < push:a\ntag:a:z < tag:a:x")
	h.registry.Fail = func(op, ref string) error {
		if op == "tag" && strings.HasSuffix(ref, " x") {
			return errors.New("denied")
		}
		return nil
	}
	result := h.apply(t.Context())
	expect(t, "result", summary(result), `
		build:a built
		push:a pushed
		tag:a:x failed
		tag:a:y tagged
		tag:a:z skipped tag:a:x`)
	if got := result.Failed[0].Error; got != "tag a as x: denied" {
		t.Errorf("error is %q", got)
	}
}

// TestWavesThatContradictNeeds: needs decide, so that no run hangs on a plan
// whose waves are wrong.
func TestWavesThatContradictNeeds(t *testing.T) {
	h := newHarness(t, "build:a\nbuild:b < build:a\nbuild:c < build:b\ntag:a:x < build:a")
	h.opts.Schedule = executor.ScheduleWaves
	for i, wave := range []int{9, 4, 0, -1} {
		h.plan.Steps[i].Wave = wave
	}
	if result := h.apply(t.Context()); len(result.Done) != 3 || len(result.Failed) != 1 {
		t.Errorf("result is %v", summary(result)) // there is nothing to tag
	}
	expect(t, "order", h.nodes(), "a\nb\nc")
}
