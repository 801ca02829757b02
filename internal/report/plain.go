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
	owners       owners
}

// Report writes the lines of an event.
func (p *Plain) Report(e executor.Event) {
	if p.groups == nil {
		p.groups = &groups{w: p.W, fold: p.Fold}
	}
	p.last = e.Time
	switch e.Type {
	case executor.EventRunStarted:
		p.total = e.Steps
	case executor.EventStepStarted:
		p.started(e)
	case executor.EventStepProgress:
		p.progress(e)
	case executor.EventStepLog:
		p.log(e)
	case executor.EventStepRetry:
		p.forget(e.Step)
		p.line(e, "attempt %d failed, trying again in %s: %s", e.Attempt, milliseconds(e.DelayMS), cleanText(e.Error))
	case executor.EventStepFinished:
		p.finished(e)
	case executor.EventBuilderFound:
		fmt.Fprintf(p.W, "Found builder %s, which takes %d builds at a time.\n", cleanText(e.Builder), e.Slots[e.Builder])
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
	p.step(e).builder = e.Builder
	p.groups.begin(e.Step, eventName(e), e.Time)
	p.line(e, "%s", text)
}

func (p *Plain) dropped(e executor.Event) {
	p.line(e, "… %d lines are only in the log", e.Dropped)
}

func (p *Plain) finished(e executor.Event) {
	p.forget(e.Step)
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
	last := p.lines(e, text)
	if e.Status == executor.StatusFailed {
		last += p.Fold.failure(e)
	}
	p.groups.end(e.Step, last, e.Time)
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
