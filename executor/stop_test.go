package executor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

func TestFailFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, web+"\nbuild:other\npush:other ms=20 < build:other\nbuild:later")
		h.opts.FailFast = true
		h.opts.Jobs = 4
		h.does(func(ctx context.Context, node string, _ int) error {
			switch node {
			case "a":
				return errors.Join(sleep(ctx, 2*time.Second), errors.New("no"))
			case "other":
				return sleep(ctx, time.Second)
			}
			return sleep(ctx, time.Hour)
		})
		// A push that is under way is finished: only builds are cancelled.
		h.registry.Fail = func(op, _ string) error {
			if op != "push" {
				return nil
			}
			return sleep(t.Context(), 5*time.Second)
		}
		result := h.apply(t.Context())
		took(t, result, 6*time.Second)
		expect(t, "result", summary(result), `
			build:a failed
			build:b cancelled
			build:c cancelled
			build:later cancelled
			build:other built
			build:ab skipped build:a
			build:bb cancelled
			build:cc cancelled
			push:other pushed
			build:abc skipped build:a
			index:abc skipped build:a`)
		for _, c := range result.Cancelled {
			id := c.Step.Package
			if want := id == "b" || id == "c"; c.Started != want {
				t.Errorf("%s: started is %v", id, c.Started)
			}
		}
		if result.Interrupted {
			t.Error("a failure is no interruption")
		}
	})
}

func TestInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, `
			build:done
			build:failed
			build:after    < build:failed
			build:running
			build:dependent < build:running
			build:delayed
			tag:done:x     < build:done`)
		ctx, cancel := context.WithCancel(t.Context())
		h.opts.Delay = func(int) time.Duration { return time.Hour }
		h.does(func(ctx context.Context, node string, _ int) error {
			switch node {
			case "done":
				return nil
			case "failed":
				return errors.New("no")
			case "delayed":
				return &fault{"connection lost"}
			}
			return sleep(ctx, time.Hour)
		})
		go func() {
			time.Sleep(time.Minute)
			cancel()
		}()
		result := h.apply(ctx)
		took(t, result, time.Minute)
		expect(t, "result", summary(result), `
			build:delayed cancelled
			build:done built
			build:failed failed
			build:running cancelled
			build:after skipped build:failed
			build:dependent cancelled
			tag:done:x skipped build:failed`)
		if !result.Interrupted {
			t.Error("the run was not interrupted")
		}
		last := h.events.list[len(h.events.list)-1]
		if last.Type != executor.EventRunFinished || !last.Interrupted || last.Counts[executor.StatusCancelled] != 3 {
			t.Errorf("the last event is %+v", last)
		}
	})
}

// lateBuilder finishes its build although it was cancelled meanwhile.
type lateBuilder struct{ builder *fake.Builder }

func (b lateBuilder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	<-ctx.Done()
	return b.builder.Build(context.WithoutCancel(ctx), req, progress)
}

// cancellableStore puts nothing once ctx is done.
type cancellableStore struct{ *fake.Store }

func (s cancellableStore) PutNode(ctx context.Context, entry executor.NodeEntry) error {
	return errors.Join(ctx.Err(), s.Store.PutNode(ctx, entry))
}

// TestFinishedWorkIsKept: a build that ends well as the run is interrupted is
// in the store for the next run.
func TestFinishedWorkIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b < build:a")
		h.ports.Builders[0].Builder = lateBuilder{h.builder}
		h.ports.Store = cancellableStore{h.store}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		result := h.apply(ctx)
		expect(t, "result", summary(result), "build:a built\nbuild:b cancelled")
		if h.store.Index(refOf("a")) == nil {
			t.Error("what was built is not in the store")
		}
		expect(t, "started", h.events.lines(executor.EventStepStarted), "step_started build:a")
	})
}

// TestStopsAtOnce: what waits for another attempt when the run is stopped is
// not made again, and not waited for, however the two coincide.
func TestStopsAtOnce(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, "build:a\nbuild:b\nbuild:c\nbuild:d")
			h.opts.Delay = func(attempts int) time.Duration {
				if attempts == 1 {
					return time.Second
				}
				return time.Hour
			}
			h.ports.Builders[0].Slots = 3
			h.does(func(ctx context.Context, node string, attempt int) error {
				switch {
				case node == "a" && attempt == 1:
					return &fault{"lost"} // its next attempt is due at the end
				case node == "b":
					return errors.Join(&fault{"lost"}, sleep(ctx, time.Second))
				case node == "c" && attempt == 1:
					return &fault{"lost"}
				}
				return sleep(ctx, time.Hour)
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			result := h.apply(ctx)
			took(t, result, time.Second)
			if n := len(result.Cancelled) + len(result.Failed); n != 4 || !result.Interrupted {
				t.Errorf("result is %v", summary(result))
			}
			if ends := h.events.lines(executor.EventStepFinished); len(ends) != 4 {
				t.Errorf("ends are %v", ends)
			}
		})
	}
}

// TestStopsWhatWaitsForASlot is about a build between its delay and a slot.
func TestStopsWhatWaitsForASlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b")
		h.ports.Builders[0].Slots = 1
		h.does(func(ctx context.Context, node string, _ int) error {
			if node == "a" {
				return &fault{"lost"}
			}
			return sleep(ctx, time.Hour)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		expect(t, "result", summary(h.apply(ctx)), "build:a cancelled\nbuild:b cancelled")
		expect(t, "builds", h.nodes(), "a\nb")
		expect(t, "ends", h.events.lines(executor.EventStepFinished), "step_finished build:a\nstep_finished build:b")
	})
}

// TestFailFastStopsAtOnce: a fault that is learnt of after another build's
// failure gets no other attempt, though it came before the run was stopped.
func TestFailFastStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b\nbuild:c")
		h.opts.FailFast = true
		h.opts.Delay = func(int) time.Duration {
			time.Sleep(time.Second) // meanwhile b and c come to nothing
			return time.Hour
		}
		h.does(func(_ context.Context, node string, _ int) error {
			switch node {
			case "a":
				return &fault{"lost"}
			case "b":
				time.Sleep(100 * time.Millisecond)
				return errors.New("no")
			}
			time.Sleep(200 * time.Millisecond)
			return &fault{"lost"}
		})
		result := h.apply(t.Context())
		took(t, result, time.Second)
		expect(t, "result", summary(result), "build:a cancelled\nbuild:b failed\nbuild:c failed")
	})
}

func TestInterruptedBeforeStart(t *testing.T) {
	h := newHarness(t, "build:a\nreuse:r\ntag:a:x < build:a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result := h.apply(ctx)
	expect(t, "result", summary(result), `
		build:a cancelled
		reuse:r reused
		tag:a:x cancelled`)
	if !result.Interrupted || len(h.builder.Requests()) > 0 {
		t.Error("something was started")
	}
}
