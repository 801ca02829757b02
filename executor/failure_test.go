package executor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// web is a graph in which a and b may fail.
const web = `
	build:a
	build:b
	build:c
	build:ab  < build:a build:b
	build:abc < build:ab build:c
	build:bb  < build:b
	build:cc  < build:c
	index:abc < build:abc`

// failing makes the builds of nodes fail after a second.
func (h *harness) failing(nodes ...string) {
	h.does(func(ctx context.Context, node string, _ int) error {
		if err := sleep(ctx, time.Second); err != nil {
			return err
		}
		for _, n := range nodes {
			if n == node {
				return &executor.BuildError{Step: "RUN make", ExitCode: 2, Excerpt: ">>> RUN make", Err: errors.New("process failed")}
			}
		}
		return nil
	})
}

func TestKeepGoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, web)
		h.failing("a", "b")
		result := h.apply(t.Context())
		expect(t, "result", summary(result), `
			build:a failed
			build:b failed
			build:c built
			build:ab skipped build:a,build:b
			build:bb skipped build:b
			build:cc built
			build:abc skipped build:a,build:b
			index:abc skipped build:a,build:b`)
		if result.Interrupted || result.OK() {
			t.Error("result is not one of a failed run")
		}
		f := result.Failed[0]
		if f.Excerpt != ">>> RUN make" || f.Instruction != "RUN make" || f.ExitCode != 2 ||
			f.Builder != "one" || f.Attempts != 1 || f.Duration() != time.Second {
			t.Errorf("failure is %+v", f)
		}
		if f.Error != "build a for linux/amd64: process failed" {
			t.Errorf("error is %q", f.Error)
		}
		var build *executor.BuildError
		if !errors.As(f.Err, &build) {
			t.Error("the build's error is lost")
		}
	})
}

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
		h.registry.Fail = func(string, string) error { return sleep(t.Context(), 5*time.Second) }
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

func TestTransientFaults(t *testing.T) {
	tests := map[string]struct {
		faults   int // attempts that fail
		err      error
		retries  int
		want     string
		attempts int
		took     time.Duration
	}{
		"one":             {1, &fault{"lost"}, 0, "built", 2, 1 * time.Second},
		"four":            {4, &fault{"lost"}, 0, "built", 5, 10 * time.Second},
		"too many":        {9, &fault{"lost"}, 0, "failed", 5, 10 * time.Second},
		"wrapped":         {1, fmt.Errorf("solve: %w", &fault{"lost"}), 0, "built", 2, 1 * time.Second},
		"a failing RUN":   {1, errors.New("no"), 0, "failed", 1, 0},
		"retries":         {2, errors.New("no"), 2, "built", 3, 3 * time.Second},
		"too few retries": {3, errors.New("no"), 2, "failed", 3, 3 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHarness(t, "build:a")
				h.opts.Delay = func(attempts int) time.Duration { return time.Duration(attempts) * time.Second }
				h.change = func(_ string, s *executor.BuildSpec) { s.Retries = tt.retries }
				h.does(func(_ context.Context, _ string, attempt int) error {
					if attempt <= tt.faults {
						return tt.err
					}
					return nil
				})
				result := h.apply(t.Context())
				took(t, result, tt.took)
				expect(t, "result", summary(result), "build:a "+tt.want)
				if n := len(h.builder.Requests()); n != tt.attempts {
					t.Errorf("%d attempts, want %d", n, tt.attempts)
				}
				retries := h.events.lines(executor.EventStepRetry)
				if len(retries) != tt.attempts-1 {
					t.Errorf("%d retries were told", len(retries))
				}
				if h.logs.opened["a:"+amd64] != 1 || h.logs.closed["a:"+amd64] != 1 {
					t.Errorf("the log was opened %v and closed %v", h.logs.opened, h.logs.closed)
				}
			})
		})
	}
}

// TestBothKindsOfFailure: transient faults do not use up the retries.
func TestBothKindsOfFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a")
		h.change = func(_ string, s *executor.BuildSpec) { s.Retries = 1 }
		h.does(func(_ context.Context, _ string, attempt int) error {
			return []error{&fault{"lost"}, errors.New("no"), &fault{"lost"}, nil}[attempt-1]
		})
		expect(t, "result", summary(h.apply(t.Context())), "build:a built")
	})
}

// TestLostBuilder: an attempt lost on one builder is made again on another.
func TestLostBuilder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b:linux/arm64")
		lost := &fake.Builder{Blobs: h.store, Do: func(context.Context, *executor.BuildRequest, func(executor.Progress)) error {
			return &fault{"connection lost"}
		}}
		h.ports.Builders = []executor.BuilderPort{
			{Name: "lost", Builder: lost},
			{Name: "well", Builder: h.builder, Platforms: []string{amd64}},
		}
		result := h.apply(t.Context())
		expect(t, "result", summary(result), "build:a built\nbuild:b:linux/arm64 failed")
		if result.Done[0].Builder != "well" || result.Done[0].Attempts != 2 {
			t.Errorf("a was built on %s at attempt %d", result.Done[0].Builder, result.Done[0].Attempts)
		}
		if n := lost.Counts()["b:"+arm64]; n != executor.DefaultMaxAttempts {
			t.Errorf("b, which can go nowhere else, was tried %d times", n)
		}
	})
}

// TestDelayGivesUpTheSlot: while a build waits for its next attempt, another
// has its slot; with one job nothing overtakes it.
func TestDelayGivesUpTheSlot(t *testing.T) {
	for jobs, want := range map[int]string{1: "a\na\nb", 2: "a\nb\na"} {
		synctest.Test(t, func(t *testing.T) {
			h := newHarness(t, "build:a\nbuild:b")
			h.ports.Builders[0].Slots = 1
			h.opts.Jobs = jobs
			h.does(func(_ context.Context, node string, attempt int) error {
				if node == "a" && attempt == 1 {
					return &fault{"lost"}
				}
				return nil
			})
			h.apply(t.Context())
			expect(t, fmt.Sprintf("order with %d jobs", jobs), h.nodes(), want)
		})
	}
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a\nbuild:b\nbuild:c")
		h.change = func(node string, s *executor.BuildSpec) {
			s.Timeout = map[string]time.Duration{"a:" + amd64: 30 * time.Minute, "b:" + amd64: 90 * time.Second}[node]
			s.Retries = map[string]int{"b:" + amd64: 1}[node]
		}
		h.opts.Delay = func(int) time.Duration { return 0 }
		h.does(func(ctx context.Context, node string, attempt int) error {
			if node == "b" && attempt == 2 {
				return nil
			}
			return sleep(ctx, time.Hour)
		})
		result := h.apply(t.Context())
		expect(t, "result", summary(result), "build:a failed\nbuild:b built\nbuild:c built")
		if got := result.Failed[0].Error; got != "build a for linux/amd64: timed out after 30m" {
			t.Errorf("error is %q", got)
		}
		for _, e := range h.events.list {
			if e.Type == executor.EventStepRetry && !strings.HasSuffix(e.Error, "timed out after 1m30s") {
				t.Errorf("retry because of %q", e.Error)
			}
		}
	})
}

func TestStoreAndRegistryFaults(t *testing.T) {
	full := errors.New("no space left on device")
	tests := map[string]struct{ op, want string }{
		"put a node":     {"put-node", "build:a failed\nindex:a skipped build:a\npush:a skipped build:a"},
		"look up":        {"lookup", "build:a failed\nindex:a skipped build:a\npush:a skipped build:a"},
		"write an index": {"put-index", "build:a built\nindex:a failed\npush:a skipped index:a"},
		"push":           {"push", "build:a built\nindex:a indexed\npush:a failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, "build:a\nindex:a < build:a\npush:a < index:a")
			fail := func(op, _ string) error {
				if op == tt.op {
					return full
				}
				return nil
			}
			h.store.Fail, h.registry.Fail = fail, fail
			result := h.apply(t.Context())
			expect(t, "result", summary(result), tt.want)
			if len(result.Failed) != 1 || !errors.Is(result.Failed[0].Err, full) {
				t.Errorf("failures are %v", result.Failed)
			}
		})
	}
}

// TestRegistryRetriesItself: transient faults of a registry are not retried
// once more here.
func TestRegistryRetriesItself(t *testing.T) {
	h := newHarness(t, "build:a\npush:a < build:a")
	h.registry.Fail = func(string, string) error { return &fault{"429"} }
	expect(t, "result", summary(h.apply(t.Context())), "build:a built\npush:a failed")
	expect(t, "registry", h.registry.Log(), "push "+refOf("a"))
}

// emptyBuilder answers with nothing at all.
type emptyBuilder struct{}

func (emptyBuilder) Build(context.Context, *executor.BuildRequest, func(executor.Progress)) (*executor.BuildResult, error) {
	return nil, nil
}

func TestBuilderWithoutAnswer(t *testing.T) {
	h := newHarness(t, "build:a")
	h.ports.Builders[0].Builder = emptyBuilder{}
	result := h.apply(t.Context())
	if len(result.Failed) != 1 || !strings.Contains(result.Failed[0].Error, "builder one answered with no image") {
		t.Errorf("result is %v", summary(result))
	}
}

func TestBackoff(t *testing.T) {
	bounds := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second}
	for i, most := range bounds {
		different := map[time.Duration]bool{}
		for range 50 {
			d := executor.Backoff(i + 1)
			if d < most/2 || d > most {
				t.Errorf("after %d attempts: %v, want %v to %v", i+1, d, most/2, most)
			}
			different[d] = true
		}
		if len(different) < 2 {
			t.Error("the delays are all the same")
		}
	}
	if d := executor.Backoff(1_000_000); d > 30*time.Second {
		t.Errorf("after very many: %v", d)
	}
}
