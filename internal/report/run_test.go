package report_test

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

func play(r executor.Reporter, events []executor.Event) {
	for _, e := range events {
		r.Report(e)
	}
}

func TestPlain(t *testing.T) {
	got := &strings.Builder{}
	play(&report.Plain{W: got}, exampleRun())
	golden(t, "plain.golden.txt", got.String())
	if i := strings.IndexAny(got.String(), "\x1b\r\x00\u202e"); i >= 0 {
		t.Errorf("a control character at %d", i)
	}
}

func TestPlainColored(t *testing.T) {
	got := &strings.Builder{}
	play(&report.Plain{W: got, Color: true}, exampleRun())
	for _, want := range []string{"\x1b[1;31mFAILED\x1b[0m after 15s [3/7]: RUN make", "\x1b[32mbuilt\x1b[0m in 1.4s [1/7]"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
}

// A run's beginning may have been missed, and any event may lack what it is
// expected to have.
func TestReportersBearIncompleteEvents(t *testing.T) {
	types := []executor.EventType{
		executor.EventStepProgress, executor.EventStepLog, executor.EventStepRetry, executor.EventStepFinished,
		executor.EventWarning, executor.EventRunFinished, "later",
	}
	tty := report.NewTTY(io.Discard, report.Options{})
	for _, r := range []report.Reporter{&report.Plain{W: io.Discard}, report.JSON{W: io.Discard}, report.Quiet{}, tty} {
		for _, kind := range types {
			r.Report(executor.Event{Type: kind})
			r.Report(executor.Event{Type: kind, Step: "build:a:b", Kind: planner.KindBuild, Vertex: &executor.EventVertex{Started: true}})
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestJSON(t *testing.T) {
	got := &strings.Builder{}
	play(report.JSON{W: got}, exampleRun())
	golden(t, "events.golden.jsonl", got.String())
	lines := strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")
	for i, want := range exampleRun() {
		var e executor.Event
		if err := json.Unmarshal([]byte(lines[i]), &e); err != nil {
			t.Fatal(err)
		}
		want.Line = strings.ToValidUTF8(want.Line, "\uFFFD\uFFFD")
		if !reflect.DeepEqual(e, want) {
			t.Errorf("got  %+v\nwant %+v", e, want)
		}
	}
}

// A line is written at once, so that other writers cannot come between.
func TestJSONWritesWholeLines(t *testing.T) {
	w := &countingWriter{}
	play(report.JSON{W: w}, exampleRun())
	if w.n != len(exampleRun()) {
		t.Errorf("%d writes of %d events", w.n, len(exampleRun()))
	}
}

type countingWriter struct{ n int }

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n++
	return len(p), nil
}

func TestFailures(t *testing.T) {
	got := &strings.Builder{}
	report.Failures(got, failedResult(), false)
	golden(t, "failures.golden.txt", got.String())
	got.Reset()
	report.Failures(got, failedResult(), true)
	golden(t, "failures_told.golden.txt", got.String())
}

func TestFailuresOfASuccess(t *testing.T) {
	got := &strings.Builder{}
	report.Failures(got, &executor.Result{}, false)
	if got.String() != "" {
		t.Errorf("got %q", got)
	}
}

func failedResult() *executor.Result {
	r := &executor.Result{
		Done: []executor.Done{{Ran: executor.Ran{Step: build("base", amd64)}, Status: executor.StatusBuilt}, {Status: executor.StatusReused}},
		Failed: []executor.Failure{
			{
				Ran:   executor.Ran{Step: build("app", amd64), Attempts: 3, Builder: "arm"},
				Error: "RUN make: exit code: 2\x1b[2J\nand more", Instruction: "RUN make", ExitCode: 2,
				Excerpt: "Dockerfile:2\n--------------------\n   1 |     FROM base\n   2 | >>> RUN make\n--------------------\n",
				Log:     []string{"make: *** \x1b[31mno rule\x1b[0m", "::set-output name=x::y"}, LogPath: "/state/runs/1/app.log",
			},
			{Ran: executor.Ran{Step: step(planner.KindPush, "lib"), Attempts: 1}, Error: "push ghcr.io/acme/lib: 403 Forbidden"},
		},
		Cancelled: []executor.Cancelled{{Ran: executor.Ran{Step: build("late", amd64)}}},
		StartedAt: start(), FinishedAt: start().Add(250 * time.Second),
	}
	for i := range 13 {
		r.Skipped = append(r.Skipped, executor.Skip{
			Step: build("after-"+string(rune('a'+i)), amd64), Because: []string{"build:app:linux/amd64"},
		})
	}
	r.Skipped = append(r.Skipped, executor.Skip{
		Step: step(planner.KindPush, "both"), Because: []string{"build:app:linux/amd64", "push:lib"},
	})
	return r
}

func TestResultSummary(t *testing.T) {
	for want, r := range map[string]*executor.Result{
		"Apply: 1 built, 2 failed, 14 skipped, 1 cancelled; 1 reused, in 4m10s.": failedResult(),
		"Apply: nothing to do; 0 reused, in 0.0s.":                               {},
	} {
		if got := report.ResultSummary(r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestNewReporter(t *testing.T) {
	w := &strings.Builder{}
	for mode, want := range map[string]report.Reporter{
		"auto": &report.Plain{W: w}, "plain": &report.Plain{W: w}, "json": report.JSON{W: w}, "quiet": report.Quiet{},
	} {
		got, err := report.NewReporter(mode, w, report.Options{Term: "xterm"})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v", mode, got, err)
		}
	}
	for _, mode := range []string{"tty", "", "fancy"} {
		if _, err := report.NewReporter(mode, w, report.Options{}); err == nil {
			t.Errorf("%q on what is no terminal: no error", mode)
		}
	}
}
