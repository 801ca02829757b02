package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Plain writes a run as lines for logs. Each begins with the step it is about;
// the lines of a build are in one piece: see groups. The instructions of a build
// are numbered in order of appearance, and their output has their number. The
// builder's own work is told only when it is slow.
type Plain struct {
	W io.Writer
	// Color says to use colours.
	Color bool
	// Fold says how the lines of a build are marked.
	Fold Fold

	groups       *groups
	last         time.Time
	total, ended int
	steps        map[string]*plainStep
}

// plainStep is what was said of a running build.
type plainStep struct {
	// shown is how many instructions have a number.
	shown        int
	instructions map[string]*plainInstruction
}

type plainInstruction struct {
	number  int
	started time.Time
	ended   bool
}

// Report writes the lines of an event.
func (p *Plain) Report(e executor.Event) {
	if p.groups == nil {
		p.groups = &groups{w: p.W, fold: p.Fold}
	}
	p.last = e.Time
	switch e.Type {
	case executor.EventRunStarted:
		p.total, p.steps = e.Steps, map[string]*plainStep{}
	case executor.EventStepStarted:
		p.started(e)
	case executor.EventStepProgress:
		p.progress(e)
	case executor.EventStepLog:
		p.log(e)
	case executor.EventStepRetry:
		delete(p.steps, e.Step)
		p.line(e, "attempt %d failed, trying again in %s: %s", e.Attempt, milliseconds(e.DelayMS), cleanText(e.Error))
	case executor.EventStepFinished:
		p.finished(e)
	case executor.EventWarning:
		for _, line := range cleanLines(e.Error) {
			fmt.Fprintf(p.W, "Warning: %s\n", line)
		}
	}
}

// Close writes what is left of a run that was cut off.
func (p *Plain) Close() error {
	if p.groups != nil {
		p.groups.close(p.last)
	}
	return nil
}

func (p *Plain) started(e executor.Event) {
	if e.Kind != planner.KindBuild {
		return
	}
	text := "building"
	if e.Reason != "" {
		text += ": " + string(e.Reason)
	}
	if e.Attempt > 1 {
		text = fmt.Sprintf("building, attempt %d", e.Attempt)
	}
	p.groups.begin(e.Step, eventName(e), e.Time)
	p.line(e, "%s", text)
}

// progress writes an instruction when it starts and when it ends.
func (p *Plain) progress(e executor.Event) {
	v := e.Vertex
	if v == nil || !v.Started && !v.Completed && v.Error == "" {
		return
	}
	in := p.instruction(e)
	if in.ended {
		return
	}
	if in.started.IsZero() {
		in.started = e.Time
	}
	in.ended = v.Completed || v.Error != ""
	took := e.Time.Sub(in.started)
	if isBookkeeping(v.Name) {
		if in.ended && took >= slowBookkeeping {
			p.line(e, "%s took %s", clean(v.Name), Duration(took))
		}
		return
	}
	if in.number == 0 {
		step := p.steps[e.Step]
		step.shown++
		in.number = step.shown
		p.line(e, "#%d %s", in.number, clean(v.Name))
	}
	switch {
	case v.Error != "":
		p.line(e, "#%d failed after %s", in.number, Duration(took))
	case v.Completed && v.Cached:
		p.line(e, "#%d CACHED", in.number)
	case v.Completed:
		p.line(e, "#%d done in %s", in.number, Duration(took))
	}
}

// slowBookkeeping is how long the builder's own work must take to be told of.
const slowBookkeeping = time.Second

// isBookkeeping says that an instruction is the builder's own, rather than the
// Dockerfile's.
func isBookkeeping(name string) bool {
	for _, prefix := range []string{"[internal] ", "[context ", "exporting ", "importing "} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// instruction is what was said of the instruction that an event is about.
func (p *Plain) instruction(e executor.Event) *plainInstruction {
	if p.steps == nil {
		p.steps = map[string]*plainStep{}
	}
	s := p.steps[e.Step]
	if s == nil {
		s = &plainStep{instructions: map[string]*plainInstruction{}}
		p.steps[e.Step] = s
	}
	in := s.instructions[e.Vertex.Name]
	if in == nil {
		in = &plainInstruction{}
		s.instructions[e.Vertex.Name] = in
	}
	return in
}

func (p *Plain) log(e executor.Event) {
	if e.Dropped > 0 {
		p.dropped(e)
	}
	prefix := ""
	if e.Vertex != nil {
		if in := p.instruction(e); in.number > 0 {
			prefix = fmt.Sprintf("#%d ", in.number)
		}
	}
	p.line(e, "%s%s", prefix, clean(e.Line))
}

func (p *Plain) dropped(e executor.Event) {
	p.line(e, "… %d lines are only in the log", e.Dropped)
}

func (p *Plain) finished(e executor.Event) {
	delete(p.steps, e.Step)
	if e.Kind == planner.KindReuse {
		p.total--
		return
	}
	p.ended++
	if e.Dropped > 0 {
		p.dropped(e)
	}
	colors := newPalette(p.Color)
	took := milliseconds(e.DurationMS)
	count := fmt.Sprintf("[%d/%d]", p.ended, p.total)
	text := ""
	switch e.Status {
	case executor.StatusFailed:
		text = fmt.Sprintf("%s after %s %s: %s", colors.bad.Render("FAILED"), took, count, cleanText(e.Error))
	case executor.StatusSkipped:
		text = fmt.Sprintf("skipped, because of %s %s", strings.Join(e.Because, ", "), count)
	case executor.StatusCancelled:
		text = "cancelled " + count
	default:
		text = fmt.Sprintf("%s in %s %s", colors.good.Render(string(e.Status)), took, count)
	}
	p.groups.end(e.Step, p.lines(e, text), e.Time)
}

// line writes lines that begin with the step's name.
func (p *Plain) line(e executor.Event, format string, args ...any) {
	p.groups.write(e.Step, p.lines(e, fmt.Sprintf(format, args...)))
}

// lines begins each line of a text with the step's name.
func (p *Plain) lines(e executor.Event, text string) string {
	out := &strings.Builder{}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintf(out, "[%s] %s\n", eventName(e), p.Fold.harmless(line))
	}
	return out.String()
}
