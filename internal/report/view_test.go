package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// viewHarness feeds a view whose clock stands still until it is moved.
type viewHarness struct {
	*view
	now time.Time
}

func newViewHarness(width, height int) *viewHarness {
	h := &viewHarness{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.view = newView(Options{Clock: func() time.Time { return h.now }}, width, height)
	return h
}

// tell reports an event about the build of a package.
func (h *viewHarness) tell(pkg string, e executor.Event) {
	e.Time = h.now
	e.Step, e.Kind, e.Package, e.Platform = "build:"+pkg+":linux/amd64", planner.KindBuild, pkg, "linux/amd64"
	h.report(e)
}

func (h *viewHarness) begin(steps int) {
	h.report(executor.Event{Type: executor.EventRunStarted, Time: h.now, Steps: steps})
}

func (h *viewHarness) start(pkg string) {
	h.tell(pkg, executor.Event{Type: executor.EventStepStarted, Attempt: 1})
}

func (h *viewHarness) vertex(pkg, name string, completed bool) {
	h.tell(pkg, executor.Event{Type: executor.EventStepProgress, Vertex: &executor.EventVertex{Name: name, Started: true, Completed: completed}})
}

// shows compares the frame with lines.
func (h *viewHarness) shows(t *testing.T, lines ...string) {
	t.Helper()
	if got, want := h.frame(), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestViewOfARun(t *testing.T) {
	h := newViewHarness(61, 20)
	h.shows(t, "0/0 done, 0 running, 0s")
	h.begin(4)
	h.report(executor.Event{Type: executor.EventStepFinished, Kind: planner.KindReuse, Step: "reuse:x", Status: executor.StatusReused})
	h.start("app")
	h.now = h.now.Add(3 * time.Second)
	h.start("longer-name")
	h.shows(t,
		"0/3 done, 2 running, 3s",
		"  app linux/amd64                                         3s",
		"  longer-name linux/amd64                                 0s")

	h.vertex("app", "[internal] load metadata", false)
	h.vertex("longer-name", "[1/3] FROM base", false)
	h.vertex("longer-name", "[2/3] RUN echo \x1b[31mred and much too long for this", false)
	h.now = h.now.Add(9 * time.Second)
	h.shows(t,
		"0/3 done, 2 running, 12s",
		"  app linux/amd64          load metadata                 12s",
		"  longer-name linux/amd64  [2/3] RUN echo red and m…      9s")

	h.vertex("longer-name", "[2/3] RUN echo \x1b[31mred and much too long for this", true)
	h.tell("app", executor.Event{Type: executor.EventStepRetry, Attempt: 1, DelayMS: 1500, Error: "lost"})
	h.shows(t,
		"0/3 done, 2 running, 12s",
		"  app linux/amd64          again in 1.5s: lost           12s",
		"  longer-name linux/amd64  [1/3] FROM base                9s")

	h.tell("app", executor.Event{Type: executor.EventStepStarted, Attempt: 2})
	h.vertex("app", "RUN x", false)
	h.tell("longer-name", executor.Event{Type: executor.EventStepFinished, Status: executor.StatusBuilt, DurationMS: 9000})
	h.now = h.now.Add(time.Hour)
	h.shows(t,
		"1/3 done, 1 running, 1h0m",
		"  app linux/amd64  (attempt 2) RUN x                    1h0m")

	h.tell("app", executor.Event{Type: executor.EventStepFinished, Status: executor.StatusFailed, DurationMS: 9000, Error: "exit \x1b[2J1\nmore"})
	h.shows(t, "2/3 done, 0 running, 1 failed, 1h0m")
	h.tell("after", executor.Event{Type: executor.EventStepFinished, Status: executor.StatusSkipped})
	h.shows(t, "3/3 done, 0 running, 1 failed, 1 skipped, 1h0m")
}

func TestViewNotes(t *testing.T) {
	h := newViewHarness(20, 20)
	h.start("app")
	h.tell("app", executor.Event{Type: executor.EventStepFinished, Status: executor.StatusFailed, DurationMS: 9000, Error: "exit \x1b[2J1\nmore\n"})
	h.report(executor.Event{Type: executor.EventWarning, Error: "history is full"})
	notes := h.takeNotes()
	want := []string{"FAILED app linux/amd64 after 9.0s", "  exit 1", "  more", "Warning: history is full"}
	if fmt.Sprint(notes) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", notes, want)
	}
	if again := h.takeNotes(); len(again) > 0 {
		t.Errorf("told again: %q", again)
	}
}

func TestViewOfManySteps(t *testing.T) {
	h := newViewHarness(80, 8)
	h.begin(300)
	for i := range 300 {
		h.start(fmt.Sprintf("p%d", i))
	}
	h.shows(t,
		"0/300 done, 300 running, 0s",
		"  p0 linux/amd64"+strings.Repeat(" ", 61)+"0s",
		"  p1 linux/amd64"+strings.Repeat(" ", 61)+"0s",
		"  p2 linux/amd64"+strings.Repeat(" ", 61)+"0s",
		"  p3 linux/amd64"+strings.Repeat(" ", 61)+"0s",
		"  … and 296 more")
	h.tell("p1", executor.Event{Type: executor.EventStepFinished, Status: executor.StatusBuilt})
	h.resize(80, 5)
	h.shows(t,
		"1/300 done, 299 running, 0s",
		"  p0 linux/amd64"+strings.Repeat(" ", 61)+"0s",
		"  … and 298 more")
}

// Names that are too long lose their middle, so that platforms can be told
// apart.
func TestViewOfLongNames(t *testing.T) {
	h := newViewHarness(41, 8)
	h.start("a-package-of-a-very-long-name")
	h.report(executor.Event{
		Type: executor.EventStepStarted, Step: "index:another-package-of-a-long-name", Kind: planner.KindIndex,
		Package: "another-package-of-a-long-name", Time: h.now,
	})
	h.shows(t,
		"0/0 done, 2 running, 0s",
		"  a-p… linux/amd64                    0s",
		"  index another-p…                    0s")
}

// Whatever the terminal's size, the frame is smaller, so that the terminal
// neither wraps nor scrolls it.
func TestViewFitsEverySize(t *testing.T) {
	h := newViewHarness(80, 24)
	h.view.palette = newPalette(true)
	for i := range 40 {
		pkg := fmt.Sprintf(`packages["世界-%d"]`, i)
		h.start(pkg)
		h.vertex(pkg, "RUN 世界 "+strings.Repeat("long ", i), false)
	}
	checkSizes(t, h)
}

// checkSizes draws in terminals of all sizes.
func checkSizes(t *testing.T, h *viewHarness) {
	t.Helper()
	for _, width := range []int{1, 2, 3, 5, 10, 12, 19, 30, 31, 40, 79, 80, 81, 99, 100, 101, 102, 200} {
		for _, height := range []int{1, 2, 3, 4, 5, 24, 60} {
			h.resize(width, height)
			lines := strings.Split(h.frame(), "\n")
			if len(lines) > max(height-1, 1) {
				t.Errorf("%d×%d: %d lines", width, height, len(lines))
			}
			for _, line := range lines {
				if n := ansi.StringWidth(line); n >= width {
					t.Fatalf("%d×%d: a line of %d cells: %q", width, height, n, line)
				}
			}
		}
	}
}
