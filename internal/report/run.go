package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Quiet reports nothing.
type Quiet struct{}

// Report does nothing.
func (Quiet) Report(executor.Event) {}

// JSON writes every event as one line.
type JSON struct{ W io.Writer }

// Report writes the event. What cannot be written is lost: a run does not
// fail because nobody reads about it.
func (j JSON) Report(e executor.Event) {
	if b, err := json.Marshal(e); err == nil {
		_, _ = j.W.Write(append(b, '\n'))
	}
}

// Plain writes a run as lines for logs: each begins with the step it is about.
type Plain struct {
	W io.Writer

	total, ended int
}

// Report writes the lines of an event.
func (p *Plain) Report(e executor.Event) {
	switch e.Type {
	case executor.EventRunStarted:
		p.total = e.Steps
	case executor.EventStepStarted:
		if e.Kind == planner.KindBuild {
			p.line(e, "building%s", because(e.Reason))
		}
	case executor.EventStepProgress:
		p.vertex(e)
	case executor.EventStepLog:
		if e.Dropped > 0 {
			p.line(e, "… %d lines are only in the log", e.Dropped)
		}
		p.line(e, "%s", e.Line)
	case executor.EventStepRetry:
		p.line(e, "attempt %d failed, trying again in %s: %s", e.Attempt, Duration(time.Duration(e.DelayMS)*time.Millisecond), e.Error)
	case executor.EventStepFinished:
		p.finished(e)
	case executor.EventWarning:
		fmt.Fprintf(p.W, "Warning: %s\n", e.Error)
	}
}

func because(r planner.Reason) string {
	if r == "" {
		return ""
	}
	return ": " + string(r)
}

// vertex writes an instruction when it starts, or is found in the cache.
// BuildKit's own bookkeeping is left out.
func (p *Plain) vertex(e executor.Event) {
	v := e.Vertex
	switch {
	case strings.HasPrefix(v.Name, "[internal]"), v.Error != "":
	case v.Completed && v.Cached:
		p.line(e, "CACHED %s", v.Name)
	case v.Started && !v.Completed:
		p.line(e, "%s", v.Name)
	}
}

func (p *Plain) finished(e executor.Event) {
	if e.Kind == planner.KindReuse {
		return
	}
	p.ended++
	took := Duration(time.Duration(e.DurationMS) * time.Millisecond)
	text := fmt.Sprintf("%s in %s", e.Status, took)
	switch e.Status {
	case executor.StatusFailed:
		text = fmt.Sprintf("FAILED in %s: %s", took, e.Error)
	case executor.StatusSkipped:
		text = "skipped, because of " + strings.Join(e.Because, ", ")
	case executor.StatusCancelled:
		text = "cancelled"
	}
	p.line(e, "%s", text)
}

// line writes lines that begin with the step's name.
func (p *Plain) line(e executor.Event, format string, args ...any) {
	for _, text := range strings.Split(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		fmt.Fprintf(p.W, "[%s] %s\n", StepName(e.Kind, e.Package, e.Platform, e.Step), text)
	}
}

// StepName is a step as people read it: "app linux/amd64" for builds, and
// "push app" for the rest.
func StepName(kind planner.Kind, pkg, platform, id string) string {
	switch {
	case kind == planner.KindBuild:
		return pkg + " " + platform
	case kind == planner.KindTag:
		return "tag " + strings.TrimPrefix(id, "tag:")
	case platform != "":
		return fmt.Sprintf("%s %s %s", kind, pkg, platform)
	}
	return fmt.Sprintf("%s %s", kind, pkg)
}

// Failures writes what failed, with the Dockerfile's lines and the end of the
// log, and what was skipped because of it.
func Failures(w io.Writer, r *executor.Result) {
	for _, f := range r.Failed {
		fmt.Fprintf(w, "\nFailed: %s\n", StepName(f.Step.Kind, f.Step.Package, f.Step.Platform, f.Step.ID))
		if f.Excerpt != "" {
			fmt.Fprintf(w, "%s\n", indent(f.Excerpt))
		}
		if len(f.Log) > 0 {
			fmt.Fprintf(w, "%s\n", indent(strings.Join(f.Log, "\n")))
		}
		fmt.Fprintf(w, "%s\n", indent(f.Error))
		if f.LogPath != "" {
			fmt.Fprintf(w, "  log: %s\n", f.LogPath)
		}
	}
	for i, s := range r.Skipped {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Skipped: %s, because of %s\n",
			StepName(s.Step.Kind, s.Step.Package, s.Step.Platform, s.Step.ID), strings.Join(s.Because, ", "))
	}
	if len(r.Failed) > 0 {
		fmt.Fprintln(w)
	}
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}

// ResultSummary is the line that ends a run.
func ResultSummary(r *executor.Result) string {
	counts := r.Counts()
	var parts []string
	for _, s := range []executor.Status{
		executor.StatusBuilt, executor.StatusPulled, executor.StatusIndexed, executor.StatusPushed, executor.StatusTagged,
		executor.StatusFailed, executor.StatusSkipped, executor.StatusCancelled,
	} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	line := "Apply: nothing to do"
	if len(parts) > 0 {
		line = "Apply: " + strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s; %d reused, in %s.", line, counts[executor.StatusReused], Duration(r.FinishedAt.Sub(r.StartedAt)))
}
