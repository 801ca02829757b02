package main

import (
	"testing"
	"time"
)

func TestOverlap(t *testing.T) {
	at := func(kind, step string, second int) event {
		return event{Type: kind, Step: step, Time: time.Unix(int64(second), 0)}
	}
	for _, test := range []struct {
		name   string
		events []event
		steps  int
		total  time.Duration
	}{
		{"none", nil, 0, 0},
		{"two at once count once", []event{
			at("step_started", "a", 0), at("step_started", "b", 1), at("step_finished", "a", 3), at("step_finished", "b", 4),
		}, 2, 4 * time.Second},
		{"what is between does not count", []event{
			at("step_started", "b", 10), at("step_finished", "b", 11), at("step_started", "a", 0), at("step_finished", "a", 2),
		}, 2, 3 * time.Second},
		{"another attempt is the same step", []event{
			at("step_started", "a", 0), at("step_started", "a", 2), at("step_finished", "a", 3),
		}, 1, 3 * time.Second},
		{"reused ones have not begun", []event{at("step_finished", "a", 3)}, 0, 0},
	} {
		if steps, total := overlap(test.events); steps != test.steps || total != test.total {
			t.Errorf("%s: %d steps in %v, want %d in %v", test.name, steps, total, test.steps, test.total)
		}
	}
}
