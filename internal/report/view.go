package report

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// view is what the live view shows: the state of a run, made of its events.
// Its methods may be called at once from several goroutines.
type view struct {
	palette
	clock func() time.Time

	mu            sync.Mutex
	width, height int
	started       time.Time
	total, ended  int
	failed        int
	skipped       int
	// running is in order of start, so that lines do not jump about.
	running []*viewStep
	steps   map[string]*viewStep
	// notes are lines to stay on the screen that were not printed yet.
	notes []string
	// course is where the run is on its plan, slots how many builds each builder
	// takes at once.
	course *course
	slots  map[string]int
}

// viewStep is a step that is under way.
type viewStep struct {
	// name is the step's, and platform the end of it.
	name, platform string
	started        time.Time
	attempt        int
	// waiting says that the last attempt failed and the next is to come.
	waiting string
	builder string
	// active are the instructions under way, in order of start.
	active []instruction
	// last is the latest instruction that has ended.
	last string
}

// instruction is one of a build's, which several builds may share.
type instruction struct{ id, name string }

func newView(opts Options, width, height int) *view {
	clock := opts.Clock
	if clock == nil {
		clock = time.Now
	}
	return &view{
		palette: newPalette(opts.Color), clock: clock, width: width, height: height,
		started: clock(), steps: map[string]*viewStep{}, slots: map[string]int{}, course: newCourse(opts.Plan),
	}
}

func (v *view) report(e executor.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch e.Type {
	case executor.EventRunStarted:
		v.total, v.started = e.Steps, e.Time
		maps.Copy(v.slots, e.Slots)
	case executor.EventStepStarted:
		v.stepStarted(e)
	case executor.EventStepProgress:
		if s := v.steps[e.Step]; s != nil && e.Vertex != nil {
			s.progress(e.Vertex)
		}
	case executor.EventStepRetry:
		if s := v.steps[e.Step]; s != nil {
			s.active, s.last = nil, ""
			s.waiting = "again in " + milliseconds(e.DelayMS) + ": " + clean(e.Error)
		}
	case executor.EventStepFinished:
		v.stepFinished(e)
	case executor.EventBuilderFound:
		maps.Copy(v.slots, e.Slots)
	case executor.EventWarning:
		v.note(v.alert.Render("Warning:"), e.Error)
	}
}

func (v *view) stepStarted(e executor.Event) {
	s := v.steps[e.Step]
	if s == nil {
		s = &viewStep{name: eventName(e), platform: e.Platform, started: e.Time}
		v.steps[e.Step] = s
		v.running = append(v.running, s)
	}
	s.attempt, s.waiting, s.builder = e.Attempt, "", e.Builder
	v.course.started(e.Step, e.Time)
}

func (v *view) stepFinished(e executor.Event) {
	v.course.ended(e.Step, e.Status)
	if s := v.steps[e.Step]; s != nil {
		delete(v.steps, e.Step)
		i := slices.Index(v.running, s)
		v.running = slices.Delete(v.running, i, i+1)
	}
	if e.Kind == planner.KindReuse {
		v.total--
		return
	}
	v.ended++
	switch e.Status {
	case executor.StatusSkipped:
		v.skipped++
	case executor.StatusFailed:
		v.failed++
		v.notes = append(v.notes, v.bad.Render("FAILED")+" "+eventName(e)+" after "+milliseconds(e.DurationMS))
		v.notes = append(v.notes, whatFailed(e.Excerpt, e.Log, e.Error)...)
	}
}

// note keeps a text to be printed above the view.
func (v *view) note(title, text string) {
	lines := cleanLines(text)
	v.notes = append(v.notes, title+" "+lines[0])
	for _, line := range lines[1:] {
		v.notes = append(v.notes, "  "+line)
	}
}

// allSlots is how many builds all builders take at once.
func (v *view) allSlots() int {
	n := 0
	for _, slots := range v.slots {
		n += slots
	}
	return n
}

// progress takes note of an instruction's state. The builder's own work may
// have one identity in all builds, but is done for each.
func (s *viewStep) progress(v *executor.EventVertex) {
	name := clean(strings.TrimPrefix(v.Name, "[internal] "))
	i := slices.IndexFunc(s.active, func(in instruction) bool { return in.name == name })
	switch {
	case v.Completed || v.Error != "":
		s.last = name
		if i >= 0 {
			s.active = slices.Delete(s.active, i, i+1)
		}
	case v.Started && i < 0:
		in := instruction{v.ID, name}
		if isBookkeeping(v.Name) {
			in.id = ""
		}
		s.active = append(s.active, in)
	}
}

// current is what to say of the step now, and the instruction that this is, ""
// for none.
func (s *viewStep) current() (text, id string) {
	switch {
	case s.waiting != "":
		return s.waiting, ""
	case len(s.active) > 0:
		last := s.active[len(s.active)-1]
		return last.name, last.id
	}
	return s.last, ""
}

// resize takes note of the terminal's size and returns the width that it had.
func (v *view) resize(width, height int) (was int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	was = v.width
	v.width, v.height = width, height
	return was
}

// takeNotes returns the lines to be printed and forgets them.
func (v *view) takeNotes() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	notes := v.notes
	v.notes = nil
	return notes
}
