package report_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

var update = flag.Bool("update", false, "write testdata anew")

// golden compares with a file in testdata; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("not as in %s (-update writes it anew):\n%s", path, got)
	}
}

// start is when the runs of these tests begin.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// at is an event some milliseconds into the run, about a step.
func at(ms int, step planner.Step, e executor.Event) executor.Event {
	e.Time = start().Add(time.Duration(ms) * time.Millisecond)
	e.Step, e.Kind, e.Package, e.Platform = step.ID, step.Kind, step.Package, step.Platform
	return e
}

func build(pkg, platform string) planner.Step {
	return planner.Step{ID: "build:" + pkg + ":" + platform, Kind: planner.KindBuild, Package: pkg, Platform: platform}
}

func step(kind planner.Kind, pkg string) planner.Step {
	return planner.Step{ID: string(kind) + ":" + pkg, Kind: kind, Package: pkg}
}

func vertex(name string) *executor.EventVertex {
	return &executor.EventVertex{ID: "sha256:" + name, Name: name}
}

func running(name string) *executor.EventVertex {
	return &executor.EventVertex{ID: "sha256:" + name, Name: name, Started: true}
}

func completed(name string) *executor.EventVertex {
	return &executor.EventVertex{ID: "sha256:" + name, Name: name, Started: true, Completed: true}
}

func cached(name string) *executor.EventVertex {
	return &executor.EventVertex{ID: "sha256:" + name, Name: name, Started: true, Completed: true, Cached: true}
}

func broken(name, why string) *executor.EventVertex {
	return &executor.EventVertex{ID: "sha256:" + name, Name: name, Started: true, Completed: true, Error: why}
}

// exampleRun is a run in which one build fails, one is tried twice, and one
// prints what would garble a terminal.
func exampleRun() []executor.Event {
	base, app, web := build("base", "linux/amd64"), build("app", "linux/arm64"), build(`web["a b"]`, "linux/amd64")
	reuse := planner.Step{ID: "reuse:lib:linux/amd64", Kind: planner.KindReuse, Package: "lib", Platform: "linux/amd64"}
	index, push := step(planner.KindIndex, "base"), step(planner.KindPush, "base")
	tag := planner.Step{ID: "tag:base:latest", Kind: planner.KindTag, Package: "base", Tag: "latest"}
	skipped := step(planner.KindIndex, "app")
	const run, from = "[build 2/2] RUN make", "[build 1/2] FROM docker.io/library/golang"
	log := func(ms int, s planner.Step, v, line string) executor.Event {
		return at(ms, s, executor.Event{Type: executor.EventStepLog, Vertex: &executor.EventVertex{Name: v}, Stream: "stdout", Line: line})
	}
	progress := func(ms int, s planner.Step, v *executor.EventVertex) executor.Event {
		return at(ms, s, executor.Event{Type: executor.EventStepProgress, Vertex: v})
	}
	return []executor.Event{
		{Type: executor.EventRunStarted, Time: start(), FormatVersion: executor.EventVersion, Steps: 8},
		at(0, reuse, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusReused, Digest: "sha256:11"}),
		at(10, base, executor.Event{Type: executor.EventStepStarted, Attempt: 1, Reason: planner.ReasonMissing, Builder: "local"}),
		at(12, app, executor.Event{Type: executor.EventStepStarted, Attempt: 1, Reason: planner.ReasonInputsChanged, Builder: "arm"}),
		progress(20, base, running("[internal] load build definition from Dockerfile")),
		progress(40, base, completed("[internal] load build definition from Dockerfile")),
		progress(50, base, vertex(run)),
		progress(60, base, cached(from)),
		progress(70, base, running(run)),
		progress(75, base, running(run)),
		log(80, base, run, "compiling <a> & <b>"),
		log(1090, base, run, " 10%\r 50%\r\x1b[2K\x1b[32m100%\x1b[0m"),
		log(1100, base, run, "\x1b]0;title\x07tab\there, \u202eturned\u202c, \x9b\xff bytes\x00"),
		log(1101, base, run, "::error::not a command"),
		progress(1105, base, running("[context lib] load from client")),
		progress(1190, base, completed("[context lib] load from client")),
		progress(1200, base, completed(run)),
		progress(1210, base, completed(run)),
		at(1300, app, executor.Event{Type: executor.EventStepRetry, Attempt: 1, Builder: "arm", Error: "connection lost\nto arm", DelayMS: 2000}),
		at(1400, base, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusBuilt, Attempt: 1, DurationMS: 1390, Digest: "sha256:22"}),
		at(1410, index, executor.Event{Type: executor.EventStepStarted, Attempt: 1}),
		at(1420, index, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusIndexed, DurationMS: 10}),
		{Type: executor.EventWarning, Time: start().Add(1500 * time.Millisecond), Error: "history is full: \x1b[1mno space left"},
		{Type: executor.EventBuilderFound, Time: start().Add(1550 * time.Millisecond), Builder: "pods/bk-1", Slots: map[string]int{"pods/bk-1": 4}},
		at(1600, push, executor.Event{Type: executor.EventStepStarted, Attempt: 1}),
		at(3300, app, executor.Event{Type: executor.EventStepStarted, Attempt: 2, Reason: planner.ReasonInputsChanged, Builder: "local"}),
		progress(3310, app, running(from)),
		progress(3400, app, completed(from)),
		progress(3410, app, running(run)),
		at(3500, app, executor.Event{Type: executor.EventStepLog, Vertex: &executor.EventVertex{Name: run}, Stream: "stderr", Line: "no such file", Dropped: 12}),
		progress(3600, app, running("exporting to oci image format")),
		progress(5000, app, completed("exporting to oci image format")),
		progress(15600, app, broken(run, "exit code: 2")),
		at(15700, app, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusFailed, Attempt: 2, DurationMS: 15688, Error: "RUN make: exit code: 2", Log: []string{"no such file"}}),
		at(15701, skipped, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusSkipped, Because: []string{"build:app:linux/arm64"}}),
		at(15800, push, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusPushed, DurationMS: 14200, Digest: "sha256:33"}),
		at(15900, tag, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusTagged, DurationMS: 100}),
		at(15950, web, executor.Event{Type: executor.EventStepStarted, Attempt: 1, Reason: planner.ReasonForced}),
		progress(15960, web, running("[stage-1 1/1] COPY . /")),
		at(16000, web, executor.Event{Type: executor.EventStepFinished, Status: executor.StatusCancelled, Attempt: 1, DurationMS: 50}),
		{Type: executor.EventRunFinished, Time: start().Add(16 * time.Second), DurationMS: 16000, Interrupted: true, Counts: map[executor.Status]int{executor.StatusBuilt: 1, executor.StatusFailed: 1}},
	}
}
