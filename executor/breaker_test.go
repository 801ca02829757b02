package executor_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// gone is the error of a builder that was lost.
type gone struct{ fault }

func (*gone) Lost() bool { return true }

// machine is a builder that can go down and come back.
type machine struct {
	*fake.Builder
	mu    sync.Mutex
	down  bool
	pings int
	about executor.About
}

func (m *machine) Ping(context.Context) (executor.About, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pings++
	if m.down {
		return executor.About{}, &gone{fault{"no answer"}}
	}
	return m.about, nil
}

func (m *machine) set(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// newMachine is a builder whose builds take a minute, during which it may go
// down: downAfter is when, 0 for never.
func newMachine(h *harness, downAfter, backAfter time.Duration) *machine {
	m := &machine{}
	for after, down := range map[time.Duration]bool{downAfter: true, backAfter: false} {
		if after > 0 {
			time.AfterFunc(after, func() { m.set(down) })
		}
	}
	m.Builder = &fake.Builder{Blobs: h.store, Do: func(ctx context.Context, _ *executor.BuildRequest, _ func(executor.Progress)) error {
		for range 60 {
			if m.lost() {
				return &gone{fault{"connection lost"}}
			}
			if err := sleep(ctx, time.Second); err != nil {
				return err
			}
		}
		return nil
	}}
	return m
}

func (m *machine) lost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.down
}

// warnings are the run's about builders.
func warnings(r *executor.Result) string { return strings.Join(r.Warnings, "\n") }

// TestBuildsMove: what a lost builder was building is built elsewhere at once,
// and it gets no builds until it answers.
func TestBuildsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, many(8))
		lost, well := newMachine(h, 30500*time.Millisecond, 0), newMachine(h, 0, 0)
		h.ports.Builders = []executor.BuilderPort{{Name: "lost", Builder: lost, Slots: 2}, {Name: "well", Builder: well, Slots: 2}}
		result := h.apply(t.Context())
		if !result.OK() || len(lost.Requests()) != 2 || len(well.Requests()) != 8 {
			t.Errorf("result is %v, with %d and %d builds", summary(result), len(lost.Requests()), len(well.Requests()))
		}
		took(t, result, 4*time.Minute)
		if !strings.Contains(warnings(result), "builder lost is lost") {
			t.Errorf("warnings are %q", result.Warnings)
		}
	})
}

// TestNoneLeft: builds for which no builder is left fail with that reason when
// patience is at its end, and the rest goes on.
func TestNoneLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, `
			build:a
			build:b < build:a
			build:a:linux/arm64
			build:b:linux/arm64 < build:a:linux/arm64
			build:c:linux/arm64
			build:d
			build:e < build:d
			build:e:linux/arm64`)
		arm, amd := newMachine(h, 30*time.Second, 0), newMachine(h, 0, 0)
		h.ports.Builders = []executor.BuilderPort{
			{Name: "arm", Builder: arm, Slots: 2, Platforms: []string{arm64}, Native: arm64},
			{Name: "amd", Builder: amd, Slots: 1, Platforms: []string{amd64}, Native: amd64},
		}
		h.opts.Jobs = 2 // what waits for a builder keeps no job from others
		result := h.apply(t.Context())
		expect(t, "result", summary(result), `
			build:a built
			build:a:linux/arm64 failed
			build:c:linux/arm64 failed
			build:d built
			build:e:linux/arm64 failed
			build:b built
			build:b:linux/arm64 skipped build:a:linux/arm64
			build:e built`)
		for _, f := range result.Failed {
			if !strings.Contains(f.Error, "no builder for linux/arm64 is left: builder arm is lost: no answer") {
				t.Errorf("the reason is %q", f.Error)
			}
		}
		took(t, result, 4*time.Minute)
	})
}

// TestComesBack: a builder that is restarted goes on with what it lost.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b < build:a")
		m := newMachine(h, 30*time.Second, 75*time.Second)
		h.ports.Builders = []executor.BuilderPort{{Name: "one", Builder: m, Slots: 1}}
		result := h.apply(t.Context())
		if !result.OK() || result.Done[0].Attempts != 2 || m.pings < 3 {
			t.Errorf("result is %v, %d attempts, %d pings", summary(result), result.Done[0].Attempts, m.pings)
		}
	})
}

// TestComesBackLate: a builder that was given up is used again.
func TestComesBackLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:slow\nbuild:a:linux/arm64\nbuild:b:linux/arm64 < build:slow")
		h.each(10 * time.Minute)
		arm := newMachine(h, time.Second, 5*time.Minute)
		h.ports.Builders = []executor.BuilderPort{
			{Name: "amd", Builder: h.builder, Platforms: []string{amd64}},
			{Name: "arm", Builder: arm, Platforms: []string{arm64}},
		}
		expect(t, "result", summary(h.apply(t.Context())), "build:a:linux/arm64 failed\nbuild:slow built\nbuild:b:linux/arm64 built")
	})
}

// TestDownAtFirst: a builder that could not be reached before the run is asked
// and used when it is there.
func TestDownAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b:linux/arm64")
		m := newMachine(h, 0, 20*time.Second)
		m.down = true
		h.each(time.Minute)
		h.ports.Builders = []executor.BuilderPort{
			{Name: "amd", Builder: h.builder, Platforms: []string{amd64}},
			{Name: "arm", Builder: m, Platforms: []string{arm64}, Lost: errors.New("connection refused")},
		}
		result := h.apply(t.Context())
		if !result.OK() || !strings.Contains(warnings(result), "connection refused") {
			t.Errorf("result is %v with %q", summary(result), result.Warnings)
		}
	})
}

// TestLosesEverything: a builder that answers, and loses every build all the
// same, is asked less and less, and the build fails in the end.
func TestLosesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a")
		m := newMachine(h, 0, 0)
		m.Builder.Do = func(context.Context, *executor.BuildRequest, func(executor.Progress)) error {
			return &gone{fault{"out of memory"}}
		}
		h.ports.Builders = []executor.BuilderPort{{Name: "one", Builder: m}}
		h.opts.Delay = func(n int) time.Duration { return time.Duration(n) * time.Second }
		result := h.apply(t.Context())
		took(t, result, 6*time.Second) // 0+1+2+3
		if len(result.Failed) != 1 || result.Failed[0].Attempts != executor.DefaultMaxAttempts || !strings.Contains(result.Failed[0].Error, "out of memory") {
			t.Errorf("result is %+v", result.Failed)
		}
	})
}

// TestStopWhileLost: a run that is stopped waits for no builder.
func TestStopWhileLost(t *testing.T) {
	for name, failFast := range map[string]bool{"interrupted": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, "build:a:linux/arm64\nbuild:b < build:a:linux/arm64\nbuild:c")
				h.opts.FailFast = failFast
				m := newMachine(h, 5*time.Second, 0)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				h.does(func(ctx context.Context, _ string, _ int) error {
					if err := sleep(ctx, 20*time.Second); err != nil {
						return err
					}
					if failFast {
						return errors.New("no")
					}
					cancel()
					return nil
				})
				h.ports.Builders = []executor.BuilderPort{
					{Name: "amd", Builder: h.builder, Platforms: []string{amd64}}, {Name: "arm", Builder: m, Platforms: []string{arm64}},
				}
				result := h.apply(ctx)
				took(t, result, 20*time.Second)
				want := map[bool]int{true: 2, false: 3}[failFast] // c failed, or was interrupted too
				if got := result.Counts()[executor.StatusCancelled]; got != want {
					t.Errorf("result is %v", summary(result))
				}
				if h.logs.opened["a:"+arm64] != h.logs.closed["a:"+arm64] {
					t.Error("its log was left open")
				}
			})
		})
	}
}
