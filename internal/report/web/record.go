package web

import (
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

// Record takes note of what a run's page tells beyond its result: the attempts
// at each step, and what of a build came from the cache. It is a reporter of
// one run.
type Record struct {
	steps map[string]*stepRecord
}

type stepRecord struct {
	attempts []attempt
	twins    report.Twins
	// cached says of each instruction that has ended whether it came from the
	// cache.
	cached map[string]bool
	// started and slow are of instructions by name.
	started map[string]time.Time
	slow    map[string]time.Duration
}

// attempt is one try at a step.
type attempt struct {
	builder    string
	start, end time.Time
	err        string
}

var _ executor.Reporter = (*Record)(nil)

// NewRecord returns the record of a run that has not begun.
func NewRecord() *Record { return &Record{steps: map[string]*stepRecord{}} }

// Report takes note of an event.
func (r *Record) Report(e executor.Event) {
	switch e.Type {
	case executor.EventStepStarted:
		s := r.step(e.Step)
		s.twins = report.Twins{}
		s.attempts = append(s.attempts, attempt{builder: e.Builder, start: e.Time})
	case executor.EventStepRetry, executor.EventStepFinished:
		s := r.step(e.Step)
		if n := len(s.attempts); n > 0 && s.attempts[n-1].end.IsZero() {
			s.attempts[n-1].end, s.attempts[n-1].err = e.Time, e.Error
		}
	case executor.EventStepProgress:
		if e.Vertex != nil {
			r.step(e.Step).progress(e)
		}
	}
}

func (r *Record) step(id string) *stepRecord {
	s := r.steps[id]
	if s == nil {
		s = &stepRecord{cached: map[string]bool{}, started: map[string]time.Time{}, slow: map[string]time.Duration{}}
		r.steps[id] = s
	}
	return s
}

// progress takes note of an instruction of the Dockerfile. The builder's own
// work says nothing of the cache, nor does an instruction that another build
// has run for this one.
func (s *stepRecord) progress(e executor.Event) {
	name, twin := s.twins.See(e.Vertex)
	if twin {
		return
	}
	if e.Vertex.Started && s.started[name].IsZero() {
		s.started[name] = e.Time
	}
	if !e.Vertex.Completed {
		return
	}
	if !s.started[name].IsZero() && !e.Vertex.Cached {
		s.slow[name] = e.Time.Sub(s.started[name])
	}
	if executor.IsInstruction(name) {
		s.cached[name] = e.Vertex.Cached
	}
}
