package report

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Reporter shows a run. It must be closed when the run has ended, before
// anything else is written to the same place.
type Reporter interface {
	executor.Reporter
	io.Closer
}

// Options say how a run is shown.
type Options struct {
	// Color says to use colours.
	Color bool
	// Plan is what is run; without it less is known of what is to come.
	Plan *planner.Plan
	// Fold says how plain marks the lines of a build.
	Fold Fold
	// Term is the kind of terminal, as in the environment's TERM.
	Term string
	// Rigid says that the terminal cuts lines when it becomes narrower, rather
	// than break them anew.
	Rigid bool
	// Clock is the time that durations in the live view end at; nil is
	// time.Now.
	Clock func() time.Time
}

// NewReporter returns the reporter of a mode: tty, plain, json, quiet, or
// auto, which is tty if w is a terminal that can move its cursor and plain
// otherwise.
func NewReporter(mode string, w io.Writer, opts Options) (Reporter, error) {
	switch mode {
	case "auto":
		if isTerminal(w) && opts.Term != "dumb" {
			return NewTTY(w, opts), nil
		}
	case "tty":
		if !isTerminal(w) {
			return nil, fmt.Errorf("show progress as tty: the output is not a terminal; use plain or auto")
		}
		return NewTTY(w, opts), nil
	case "plain":
	case "json":
		return JSON{W: w}, nil
	case "quiet":
		return Quiet{}, nil
	default:
		return nil, fmt.Errorf("show progress as %q: use auto, tty, plain, json or quiet", mode)
	}
	return &Plain{W: w, Color: opts.Color, Fold: opts.Fold}, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
