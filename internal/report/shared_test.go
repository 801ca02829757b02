package report_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

// sharedRun is what BuildKit tells of two builds that share an instruction:
// both announce their own, the one of web is run for both, and at its end app's
// own is said to come from the cache.
func sharedRun() []executor.Event {
	app, web := build("app", amd64), build("web", amd64)
	const inApp, inWeb = "[tools 2/2] RUN make", "[stage-0 2/3] RUN make"
	state := func(ms int, pkg string, v executor.EventVertex) executor.Event {
		return at(ms, build(pkg, amd64), executor.Event{Type: executor.EventStepProgress, Vertex: &v})
	}
	line := func(ms int, pkg, text string) executor.Event {
		return at(ms, build(pkg, amd64), executor.Event{Type: executor.EventStepLog, Vertex: &executor.EventVertex{Name: inWeb}, Line: text})
	}
	started := executor.Event{Type: executor.EventStepStarted, Attempt: 1, Builder: "one"}
	done := executor.Event{Type: executor.EventStepFinished, Status: executor.StatusBuilt, DurationMS: 5000}
	exporting := executor.EventVertex{ID: "export", Name: "exporting to oci image format", Started: true}
	return []executor.Event{
		{Type: executor.EventRunStarted, Time: start(), Steps: 2},
		at(0, app, started), at(0, web, started),
		state(10, "web", executor.EventVertex{ID: "w", Name: inWeb}),
		state(12, "app", executor.EventVertex{ID: "a", Name: inApp}),
		state(12, "app", executor.EventVertex{ID: "own", Name: "[stage-1 1/1] RUN own"}),
		state(20, "web", executor.EventVertex{ID: "w", Name: inWeb, Started: true}),
		state(20, "app", executor.EventVertex{ID: "w", Name: inWeb, Started: true}),
		line(30, "app", "line 1"), line(30, "web", "line 1"), line(40, "web", "line 2"), line(40, "app", "line 2"),
		state(4020, "web", executor.EventVertex{ID: "w", Name: inWeb, Started: true, Completed: true}),
		state(4020, "app", executor.EventVertex{ID: "w", Name: inWeb, Started: true, Completed: true}),
		state(4021, "app", executor.EventVertex{ID: "a", Name: inApp, Started: true, Completed: true, Cached: true}),
		state(4022, "app", executor.EventVertex{ID: "own", Name: "[stage-1 1/1] RUN own", Started: true}),
		state(4030, "app", executor.EventVertex{ID: "own", Name: "[stage-1 1/1] RUN own", Started: true, Completed: true, Cached: true}),
		state(4040, "app", exporting), state(4040, "web", exporting),
		at(5000, app, done), at(5000, web, done),
	}
}

// TestPlainOfSharedInstructions: what builds share is told once, with its
// output, and the others say whose lines to look at.
func TestPlainOfSharedInstructions(t *testing.T) {
	const want = `[app linux/amd64] building
[app linux/amd64] #1 [tools 2/2] RUN make (shared with web linux/amd64, see there)
[app linux/amd64] #2 [stage-1 1/1] RUN own
[app linux/amd64] #2 CACHED
[app linux/amd64] built in 5.0s [1/2]
[web linux/amd64] building
[web linux/amd64] #1 [stage-0 2/3] RUN make
[web linux/amd64] #1 line 1
[web linux/amd64] #1 line 2
[web linux/amd64] #1 done in 4.0s
[web linux/amd64] built in 5.0s [2/2]
`
	got := &strings.Builder{}
	play(&report.Plain{W: got}, sharedRun())
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestPlainTakesOver: when the build that has the output ends before the
// instruction, the other goes on with it.
func TestPlainTakesOver(t *testing.T) {
	var events []executor.Event
	for _, e := range sharedRun() {
		if e.Line == "line 2" && e.Package == "web" {
			e = at(39, build("web", amd64), executor.Event{Type: executor.EventStepFinished, Status: executor.StatusCancelled})
		}
		events = append(events, e)
	}
	got := &strings.Builder{}
	play(&report.Plain{W: got}, events)
	for _, want := range []string{"[web linux/amd64] #1 line 1\n", "[app linux/amd64] #1 line 2\n[app linux/amd64] #1 done in 4.0s\n"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// TestPlainOfAnotherBuilder: builders do not share, whatever the identity.
func TestPlainOfAnotherBuilder(t *testing.T) {
	events := sharedRun()
	events[2].Builder = "two"
	got := &strings.Builder{}
	play(&report.Plain{W: got}, events)
	if strings.Contains(got.String(), "shared") || strings.Count(got.String(), "line 2") != 2 {
		t.Errorf("got\n%s", got)
	}
}

// TestTwins: as many of the build's own are left out as run as another's.
func TestTwins(t *testing.T) {
	var twins report.Twins
	for i, step := range []struct {
		v    executor.EventVertex
		name string
		twin bool
	}{
		{executor.EventVertex{ID: "1", Name: "[2/3] RUN x"}, "[2/3] RUN x", false},
		{executor.EventVertex{ID: "2", Name: "[3/3] RUN x"}, "[3/3] RUN x", false},
		{executor.EventVertex{ID: "3", Name: "[1/3] FROM y"}, "[1/3] FROM y", false},
		{executor.EventVertex{ID: "other", Name: "[a 7/9] RUN x", Started: true}, "[2/3] RUN x", false},
		{executor.EventVertex{ID: "other", Name: "[a 7/9] RUN x", Completed: true}, "[2/3] RUN x", false},
		{executor.EventVertex{ID: "1", Name: "[2/3] RUN x", Completed: true, Cached: true}, "[2/3] RUN x", true},
		{executor.EventVertex{ID: "2", Name: "[3/3] RUN x", Completed: true, Cached: true}, "[3/3] RUN x", false},
		{executor.EventVertex{ID: "3", Name: "[1/3] FROM y", Started: true}, "[1/3] FROM y", false},
		{executor.EventVertex{ID: "4", Name: "[b 1/3] FROM y", Started: true}, "[b 1/3] FROM y", false},
		{executor.EventVertex{Name: "[2/3] RUN x", Started: true}, "[2/3] RUN x", false},
	} {
		if name, twin := twins.See(&step.v); name != step.name || twin != step.twin {
			t.Errorf("%d: %q, %v; want %q, %v", i, name, twin, step.name, step.twin)
		}
	}
}
