package runlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
)

func begun() time.Time {
	return time.Date(2026, 7, 1, 12, 30, 15, 250e6, time.FixedZone("", 2*60*60))
}

func create(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Create(dir, begun())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestEvents: every event but output is a line, there at once, that reads back
// as the event.
func TestEvents(t *testing.T) {
	r := create(t, filepath.Join(t.TempDir(), "not", "yet"))
	at := begun().UTC()
	events := []executor.Event{
		{Type: executor.EventRunStarted, Time: at, FormatVersion: executor.EventVersion, Steps: 2},
		{Type: executor.EventStepStarted, Time: at, Step: `build:app["api/x"]:linux/amd64`, Package: `app["api/x"]`, Attempt: 1},
		{Type: executor.EventStepLog, Time: at, Line: "not kept here"},
		{Type: executor.EventStepProgress, Time: at, Vertex: &executor.EventVertex{ID: "1", Name: "RUN a\nb <&>", Completed: true}},
		{Type: executor.EventStepFinished, Time: at, Status: executor.StatusFailed, Error: "line one\nline two", Because: []string{"a"}},
		{Type: executor.EventRunFinished, Time: at, Counts: map[executor.Status]int{executor.StatusFailed: 1}},
	}
	var want []executor.Event
	for _, e := range events {
		r.Report(e)
		if e.Type != executor.EventStepLog {
			want = append(want, e)
		}
		if got := strings.Count(read(t, r.Dir(), "events.jsonl"), "\n"); got != len(want) {
			t.Fatalf("after %s there are %d lines, want %d", e.Type, got, len(want))
		}
	}
	var got []executor.Event
	for line := range strings.Lines(read(t, r.Dir(), "events.jsonl")) {
		var e executor.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got = append(got, e)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("events are %+v, want %+v", got, want)
	}
	if err := r.Close(nil); err != nil {
		t.Error(err)
	}
}

func TestReport(t *testing.T) {
	r := create(t, t.TempDir())
	if _, err := os.Stat(filepath.Join(r.Dir(), "report.json")); !os.IsNotExist(err) {
		t.Errorf("before the end there is a report: %v", err)
	}
	if err := r.Close(map[string]any{"built": 3}); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, r.Dir(), "report.json"), "{\n  \"built\": 3\n}\n"; got != want {
		t.Errorf("the report is %q, want %q", got, want)
	}
	r = create(t, t.TempDir())
	if err := r.Close(func() {}); err == nil || !strings.Contains(err.Error(), r.Dir()) {
		t.Errorf("a report that is no data gives %v, want an error that names %s", err, r.Dir())
	}
}

// TestNodeLogs: each node has a log of its own, whatever its name, with what
// was written there by all attempts.
func TestNodeLogs(t *testing.T) {
	r := create(t, t.TempDir())
	nodes := []string{
		"base:linux/amd64", "base:linux/arm64", "base:linux/arm/v7",
		`app["api"]:linux/amd64`, `app["api/x"]:linux/amd64`, `app["api_x"]:linux/amd64`, `app["api\\x"]:linux/amd64`,
		`app["../../x"]:linux/amd64`, `app["ä"]:linux/amd64`, `app["ö"]:linux/amd64`, "app[\"a\nb\x00\"]:linux/amd64",
		".", "..", "", "app__api_x___linux_amd64-2",
		`app["` + strings.Repeat("long", 100) + `"]:linux/amd64`, `app["` + strings.Repeat("long", 100) + `"]:linux/arm64`,
	}
	paths := map[string]string{}
	for attempt := range 2 {
		for _, node := range nodes {
			w, path, err := r.NodeLog(node)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(w, "attempt %d of %q\n", attempt, node)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if attempt > 0 && paths[path] != node {
				t.Errorf("the log of %q is %s at first, and %s of %q then", node, path, path, paths[path])
			}
			paths[path] = node
		}
	}
	if len(paths) != len(nodes) {
		t.Errorf("%d nodes have %d logs", len(nodes), len(paths))
	}
	for path, node := range paths {
		if filepath.Dir(path) != filepath.Join(r.Dir(), "logs") || filepath.Ext(path) != ".log" {
			t.Errorf("the log of %q is %s", node, path)
		}
		if got, want := read(t, path), fmt.Sprintf("attempt 0 of %q\nattempt 1 of %q\n", node, node); got != want {
			t.Errorf("the log of %q is %q, want %q", node, got, want)
		}
	}
	if want := filepath.Join(r.Dir(), "logs", "base_linux_amd64.log"); paths[want] != nodes[0] {
		t.Errorf("%s is the log of %q, want %q", want, paths[want], nodes[0])
	}
}

// TestSameInstant: runs that begin at once have a directory each, named by
// their time in UTC.
func TestSameInstant(t *testing.T) {
	const runs = 8
	dir := t.TempDir()
	var all sync.WaitGroup
	for range runs {
		all.Go(func() {
			r, err := Create(dir, begun())
			if err != nil {
				t.Error(err)
				return
			}
			r.Report(executor.Event{Type: executor.EventRunStarted, Time: begun()})
			if err := r.Close(nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != runs {
		t.Fatalf("%d directories, %v; want %d", len(entries), err, runs)
	}
	for i, e := range entries {
		if !strings.HasPrefix(e.Name(), "20260701T103015.250Z") || strings.Count(read(t, dir, e.Name(), "events.jsonl"), "\n") != 1 {
			t.Errorf("run %d is %s", i, e.Name())
		}
	}
}

// TestOldRuns: the oldest go when there are many; files and what is newer
// stay.
func TestOldRuns(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "0-note"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range kept + 3 {
		r, err := Create(dir, begun().Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(nil); err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(r.Dir()))
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if want := append([]string{"0-note"}, names[3:]...); !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
}

// TestTrouble: errors name the directory.
func TestTrouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := Create(dir, begun()); err == nil || !strings.Contains(err.Error(), "run directory") || !strings.Contains(err.Error(), file) {
			t.Errorf("error is %v, want one that names %s", err, file)
		}
	}
	r := create(t, t.TempDir())
	if err := os.RemoveAll(r.Dir()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.NodeLog("base:linux/amd64"); err == nil || !strings.Contains(err.Error(), "base:linux/amd64") || !strings.Contains(err.Error(), r.Dir()) {
		t.Errorf("a log that cannot be made gives %v", err)
	}
	if err := r.Close(nil); err == nil || !strings.Contains(err.Error(), r.Dir()) {
		t.Errorf("a report that cannot be written gives %v", err)
	}
}

// TestDiskFull: what could not be written during the run is told at its end,
// once, and the report is written all the same.
func TestDiskFull(t *testing.T) {
	r := create(t, t.TempDir())
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.events.Close(); err != nil {
		t.Fatal(err)
	}
	r.events = full
	for range 3 {
		r.Report(executor.Event{Type: executor.EventRunStarted})
	}
	err = r.Close("report")
	if err == nil || strings.Count(err.Error(), "no space left") != 1 {
		t.Errorf("error is %v, want that the disk is full", err)
	}
	if got := read(t, r.Dir(), "report.json"); got != "\"report\"\n" {
		t.Errorf("the report is %q", got)
	}
}

// TestEventsAtOnce: lines do not mix.
func TestEventsAtOnce(t *testing.T) {
	r := create(t, t.TempDir())
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				r.Report(executor.Event{Type: executor.EventWarning, Error: strings.Repeat(fmt.Sprint(i), 5000)})
			}
		})
	}
	all.Wait()
	lines := bytes.Split([]byte(strings.TrimSpace(read(t, r.Dir(), "events.jsonl"))), []byte("\n"))
	if len(lines) != 160 {
		t.Errorf("%d lines, want 160", len(lines))
	}
	for _, line := range lines {
		if !json.Valid(line) {
			t.Fatalf("line is %.100q", line)
		}
	}
	if err := r.Close(nil); err != nil {
		t.Error(err)
	}
}
