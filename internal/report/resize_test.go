package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

// TestNarrowerTerminal: a terminal that breaks the view's lines anew has no
// ends of old frames, neither during the run nor after it.
func TestNarrowerTerminal(t *testing.T) {
	s := newScreen()
	s.width = 110
	fmt.Fprintln(s, "$ stowage apply")
	clock := start().Add(16 * time.Second)
	tty := report.NewTTY(s, report.Options{Clock: func() time.Time { return clock }})
	play(tty, longRun())
	s.wait(t, "$ stowage apply\n"+longFrame(100))
	for _, width := range []int{60, 40, 110, 90, 45} {
		s.resize(width)
		s.wait(t, "$ stowage apply\n"+longFrame(min(width-1, 100)))
	}
	s.mu.Lock()
	if settling := "$ stowage apply\n" + strings.SplitN(longFrame(1), "\n", 2)[0]; !slices.Contains(s.seen, settling) {
		t.Errorf("while the terminal becomes narrower its lines are long: want\n%s", settling)
	}
	s.mu.Unlock()
	s.resize(33)
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(s, "Apply: done.")
	if want := "$ stowage apply\nApply: done."; s.text() != want {
		t.Errorf("got\n%s\nwant\n%s", s.text(), want)
	}
	if s.cuts || len(s.modes) > 0 || len(s.unknown) > 0 {
		t.Errorf("the terminal is changed: cuts lines %v, modes %v, sequences %q", s.cuts, s.modes, s.unknown)
	}
}

// longRun is the beginning of a run with long lines.
func longRun() []executor.Event {
	events := []executor.Event{{Type: executor.EventRunStarted, Time: start(), Steps: 3}}
	for _, pkg := range []string{"app", "web", "api"} {
		events = append(events, at(0, build(pkg, amd64), executor.Event{Type: executor.EventStepStarted, Attempt: 1}),
			at(0, build(pkg, amd64), executor.Event{Type: executor.EventStepProgress, Vertex: running("RUN " + pkg + "  " + strings.Repeat("x", 90))}))
	}
	return events
}

// longFrame is the view of that after 16 seconds.
func longFrame(width int) string {
	out := "0/3 done, 3 running, 16s"
	for _, pkg := range []string{"app", "web", "api"} {
		text := "RUN " + pkg + "  "
		out += fmt.Sprintf("\n  %s linux/amd64  %s%s…     16s", pkg, text, strings.Repeat("x", max(width-28-len(text), 0)))
	}
	return out
}

// TestRigidTerminal: where lines are cut, nothing above the view is erased.
func TestRigidTerminal(t *testing.T) {
	s := newScreen()
	fmt.Fprintln(s, "one\ntwo\nthree")
	clock := start().Add(16 * time.Second)
	tty := report.NewTTY(s, report.Options{Rigid: true, Clock: func() time.Time { return clock }})
	tty.Report(executor.Event{Type: executor.EventRunStarted, Time: start(), Steps: 1})
	tty.Report(at(0, build("app", amd64), executor.Event{Type: executor.EventStepStarted, Attempt: 1}))
	const want = "one\ntwo\nthree\n0/1 done, 1 running, 16s\n  app linux/amd64"
	s.wait(t, want+strings.Repeat(" ", 59)+"16s")
	s.mu.Lock()
	s.width = 20
	for i, line := range s.lines {
		s.lines[i] = line[:min(len(line), s.width)]
	}
	s.mu.Unlock()
	s.wait(t, "one\ntwo\nthree\n0/1, 1 running, 16s\n  app li…       16s")
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.text(); got != "one\ntwo\nthree" {
		t.Errorf("got\n%s", got)
	}
}
