package executor_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// randomSteps is a plan of random builds, indexes, pushes and tags.
func randomSteps(r *rand.Rand) string {
	var b strings.Builder
	for i := range 1 + r.IntN(25) {
		fmt.Fprintf(&b, "build:p%02d ms=%d <", i, r.IntN(50))
		for range r.IntN(4) {
			if i > 0 {
				fmt.Fprintf(&b, " build:p%02d", r.IntN(i))
			}
		}
		b.WriteByte('\n')
		switch r.IntN(4) {
		case 0:
			fmt.Fprintf(&b, "index:p%02d < build:p%02d\npush:p%02d < index:p%02d\n", i, i, i, i)
		case 1:
			fmt.Fprintf(&b, "push:p%02d < build:p%02d\ntag:p%02d:x < push:p%02d\n", i, i, i, i)
		}
	}
	return b.String()
}

// span is when a step ran, by the reporter's events.
type span struct{ started, ended int }

// TestRandomPlans runs random plans with random trouble and checks what must
// hold of every run.
func TestRandomPlans(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 2))
			h := newHarness(t, randomSteps(r))
			h.opts = executor.Options{Jobs: 1 + r.IntN(6), FailFast: r.IntN(4) == 0}
			if r.IntN(2) == 0 {
				h.opts.Schedule = executor.ScheduleWaves
			}
			slots := []int{1 + r.IntN(3), 1 + r.IntN(3)}
			two := &fake.Builder{Blobs: h.store}
			h.ports.Builders = []executor.BuilderPort{
				{Name: "one", Builder: h.builder, Slots: slots[0]}, {Name: "two", Builder: two, Slots: slots[1]},
			}
			trouble := r.IntN(3)
			h.does(func(ctx context.Context, node string, attempt int) error {
				n := rand.New(rand.NewPCG(seed, uint64(attempt)<<32+uint64(len(node))+uint64(node[1])*7+uint64(node[2])))
				if err := sleep(ctx, time.Duration(n.IntN(5000))*time.Millisecond); err != nil {
					return err
				}
				switch n.IntN(12) / max(trouble, 1) {
				case 0:
					return errors.New("no")
				case 1:
					return &fault{"lost"}
				}
				return nil
			})
			two.Do = h.builder.Do
			ctx := t.Context()
			if r.IntN(4) == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(r.IntN(20_000))*time.Millisecond)
				defer cancel()
			}
			result := h.apply(ctx)
			checkRun(t, h, result)
			if h.builder.Most() > slots[0] || two.Most() > slots[1] {
				t.Errorf("%d and %d builds at once, on %v slots", h.builder.Most(), two.Most(), slots)
			}
			if t.Failed() {
				t.Fatalf("with seed %d: %v", seed, summary(result))
			}
		})
		if t.Failed() {
			return
		}
	}
}

func checkRun(t *testing.T, h *harness, result *executor.Result) {
	t.Helper()
	state := map[string]string{}
	note := func(id, s string) {
		if state[id] != "" {
			t.Errorf("%s is %s and %s", id, state[id], s)
		}
		state[id] = s
	}
	for _, d := range result.Done {
		note(d.Step.ID, "done")
	}
	for _, f := range result.Failed {
		note(f.Step.ID, "failed")
	}
	for _, s := range result.Skipped {
		note(s.Step.ID, "skipped")
	}
	for _, c := range result.Cancelled {
		note(c.Step.ID, "cancelled")
	}
	if len(state) != len(h.plan.Steps) {
		t.Errorf("%d steps have ended, of %d", len(state), len(h.plan.Steps))
	}
	spans := checkEvents(t, h, len(state))
	for _, s := range h.plan.Steps {
		checkNeeds(t, h, s.ID, s.Needs, state, spans)
	}
	for _, s := range result.Skipped {
		for _, id := range s.Because {
			if state[id] != "failed" {
				t.Errorf("%s was skipped because of %s, which is %s", s.Step.ID, id, state[id])
			}
		}
		if len(s.Because) == 0 {
			t.Errorf("%s was skipped because of nothing", s.Step.ID)
		}
	}
	if stopped := result.Interrupted || (h.opts.FailFast && len(result.Failed) > 0); !stopped && len(result.Cancelled) > 0 {
		t.Error("steps were cancelled for no reason")
	}
}

// checkEvents checks that no more than Jobs steps ran at once, that all that
// started ended, and returns when.
func checkEvents(t *testing.T, h *harness, steps int) map[string]span {
	t.Helper()
	spans := map[string]span{}
	running, finished := 0, 0
	for i, e := range h.events.list {
		s, seen := spans[e.Step]
		switch e.Type {
		case executor.EventStepStarted:
			if !seen {
				running++
				spans[e.Step] = span{started: i}
			}
		case executor.EventStepFinished:
			finished++
			if seen {
				running--
			}
			s.ended = i
			spans[e.Step] = s
		}
		if running > h.opts.Jobs {
			t.Errorf("%d steps at once with %d jobs", running, h.opts.Jobs)
		}
	}
	if running != 0 || finished != steps {
		t.Errorf("%d steps still run and %d have ended, of %d", running, finished, steps)
	}
	return spans
}

// checkNeeds checks that a step that ran did so after all it needs, and that
// one that did not had cause.
func checkNeeds(t *testing.T, h *harness, id string, needs []string, state map[string]string, spans map[string]span) {
	t.Helper()
	tag := strings.HasPrefix(id, "tag:")
	for _, s := range h.plan.Steps {
		if !slices.Contains(needs, s.ID) && (!tag || s.Kind == "tag") {
			continue
		}
		ran := spans[id].started > 0
		if ran && (state[s.ID] != "done" || spans[s.ID].ended > spans[id].started) {
			t.Errorf("%s ran before %s was done", id, s.ID)
		}
		if state[s.ID] == "failed" && state[id] != "skipped" {
			t.Errorf("%s is %s, though %s failed", id, state[id], s.ID)
		}
	}
}
