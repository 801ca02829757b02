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
