package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// event is what is needed here of a line of events.jsonl: docs/events.md.
type event struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Step string    `json:"step"`
	Kind string    `json:"kind"`
}

// building reads how many builds a store's latest run had, and how long there
// was at least one.
func (w *workspace) building(store string) (builds int, total time.Duration, err error) {
	runs, err := filepath.Glob(filepath.Join(w.dir, store, "state", "runs", "*", "events.jsonl"))
	if err != nil {
		return 0, 0, err
	}
	if len(runs) == 0 {
		return 0, 0, errors.New("the run has left no events")
	}
	f, err := os.Open(slices.Max(runs))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var events []event
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if e.Kind == "build" {
			events = append(events, e)
		}
	}
	builds, total = overlap(events)
	return builds, total, lines.Err()
}

// overlap adds up the times at which a step had begun and not ended.
func overlap(events []event) (steps int, total time.Duration) {
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	going := map[string]bool{}
	var since time.Time
	for _, e := range events {
		switch e.Type {
		case "step_started":
			if len(going) == 0 {
				since = e.Time
			}
			going[e.Step] = true
		case "step_finished":
			if !going[e.Step] {
				continue
			}
			steps++
			if delete(going, e.Step); len(going) == 0 {
				total += e.Time.Sub(since)
			}
		}
	}
	return steps, total
}
