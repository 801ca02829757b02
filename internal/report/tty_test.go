package report_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

// A run as it is seen: the view under what stays, and at the end only that.
// The test ends when the screen shows what it should.
func TestTTY(t *testing.T) {
	s := newScreen()
	fmt.Fprintln(s, "$ stowage apply")
	clock := start().Add(16 * time.Second)
	tty := report.NewTTY(s, report.Options{Color: true, Clock: func() time.Time { return clock }})
	events := exampleRun()
	failed := slices.IndexFunc(events, func(e executor.Event) bool { return e.Status == executor.StatusFailed })

	play(tty, events[:failed])
	s.wait(t, `$ stowage apply
Warning: history is full: no space left
2/7 done, 1/4 building, 1 more running, 16s
  app linux/arm64  (attempt 2) [build 2/2] RUN make                         16s
  push base                                                                 14s`)
	s.mu.Lock()
	if s.invisible || len(s.modes) > 0 || len(s.unknown) > 0 {
		t.Errorf("the terminal is changed: cursor hidden %v, modes %v, sequences %q", s.invisible, s.modes, s.unknown)
	}
	s.mu.Unlock()

	play(tty, events[failed:failed+1])
	s.wait(t, `$ stowage apply
Warning: history is full: no space left
FAILED app linux/arm64 after 15s
  │ no such file
  RUN make: exit code: 2
3/7 done, 0/4 building, 1 more running, 1 failed, 16s
  push base                                                                 14s`)

	play(tty, events[failed+1:])
	tty.Report(executor.Event{Type: executor.EventWarning, Error: "the last word"})
	for range 2 {
		if err := tty.Close(); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprint(s, "Apply: done.")
	want := `$ stowage apply
Warning: history is full: no space left
FAILED app linux/arm64 after 15s
  │ no such file
  RUN make: exit code: 2
Warning: the last word
Apply: done.`
	if got := s.text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.invisible || len(s.modes) > 0 || len(s.unknown) > 0 {
		t.Errorf("the terminal is changed: cursor hidden %v, modes %v, sequences %q", s.invisible, s.modes, s.unknown)
	}
}

// Failures are told although the view cannot be drawn any more, and Close
// returns.
func TestTTYThatCannotBeWritten(t *testing.T) {
	tty := report.NewTTY(brokenWriter{}, report.Options{})
	play(tty, exampleRun())
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
}

// Report only takes note: it does not wait for a terminal that takes nothing.
func TestTTYDoesNotWaitForItsWriter(t *testing.T) {
	w := &stuckWriter{free: make(chan struct{})}
	tty := report.NewTTY(w, report.Options{})
	for range 100 {
		play(tty, exampleRun())
	}
	tty.Report(executor.Event{Type: executor.EventRunFinished})
	close(w.free)
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
}

// stuckWriter takes nothing until it is free.
type stuckWriter struct {
	free chan struct{}
	mu   sync.Mutex
	n    int
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.free
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n += len(p)
	return len(p), nil
}
