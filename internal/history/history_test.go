package history_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/planner"
)

const (
	repository = "ghcr.io/acme/app"
	amd64      = "linux/amd64"
	root       = "/src/acme"
)

// TestMain makes the test program one that records, for TestProcessesAtOnce.
func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == "record" {
		if err := record(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string) *history.History {
	t.Helper()
	h := history.Open(path)
	t.Cleanup(func() { must(t, h.Close()) })
	return h
}

func fresh(t *testing.T) *history.History {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "not", "yet", "history.db"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func begun() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// inputs are as many as n, which is their hash too.
func inputs(n int) *planner.Inputs {
	in := &planner.Inputs{Package: "app", Hash: strconv.Itoa(n)}
	for i := range n {
		in.List = append(in.List, planner.Input{Kind: "file", Name: fmt.Sprint("file ", i), Digest: strings.Repeat("a", 64)})
	}
	return in
}

func wantInputs(t *testing.T, h *history.History, repository string, want *planner.Inputs) {
	t.Helper()
	got, err := h.LastInputs(repository, "app")
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the inputs of %s are %+v, %v; want %+v", repository, got, err, want)
	}
}

// built is a build in a made-up run.
type built struct {
	pkg, platform, hash, builder string
	reason                       planner.Reason
	changes                      []string
	took                         time.Duration
	attempts                     int
	failed                       bool
	instructions                 []executor.EventVertex
}

// run records a run of builds that ends a minute after it began.
func run(h *history.History, id string, at time.Time, builds ...built) error {
	plan := &planner.Plan{Workspace: planner.WorkspaceInfo{Name: "acme", Revision: "abc"}, StowageVersion: "1", Selection: []string{"app"}}
	result := &executor.Result{StartedAt: at}
	for _, b := range builds {
		plan.Packages = append(plan.Packages, planner.PackageInfo{Name: b.pkg, Image: "ghcr.io/acme/" + b.pkg, Hash: b.hash})
		plan.Steps = append(plan.Steps, planner.Step{ID: "build:" + b.pkg + ":" + b.platform, Kind: planner.KindBuild, Package: b.pkg, Platform: b.platform, Reason: b.reason, Changes: b.changes})
	}
	r := h.Begin(history.Begin{ID: id, Root: root, Plan: plan, At: at, BuilderKind: func(builder, _ string) string { return "kind of " + builder }})
	for i, b := range builds {
		e := executor.Event{
			Type: executor.EventStepFinished, Time: at.Add(b.took), Step: plan.Steps[i].ID, Kind: planner.KindBuild, Package: b.pkg, Platform: b.platform,
			Builder: b.builder, Status: executor.StatusBuilt, Attempt: max(b.attempts, 1), DurationMS: b.took.Milliseconds(),
		}
		r.Report(executor.Event{Type: executor.EventStepStarted, Step: plan.Steps[i].ID, Attempt: 1})
		for _, v := range b.instructions {
			r.Report(executor.Event{Type: executor.EventStepProgress, Step: plan.Steps[i].ID, Vertex: &v})
		}
		if b.failed {
			e.Status, e.Error = executor.StatusFailed, "exit code 1\nmore"
			result.Failed = append(result.Failed, executor.Failure{})
		} else {
			if err := r.RecordDuration(plan.Packages[i].Image, b.platform, b.took); err != nil {
				return err
			}
			result.Done = append(result.Done, executor.Done{Status: executor.StatusBuilt})
		}
		r.Report(e)
	}
	r.Report(executor.Event{Type: executor.EventStepFinished, Kind: planner.KindReuse, Step: "reuse:x", Package: "x", Status: executor.StatusReused})
	return r.End(result, at.Add(time.Minute))
}

func TestEstimate(t *testing.T) {
	h := fresh(t)
	e := history.Estimator{History: h, BuilderKind: func(string) string { return "kind of arm" }}
	if got := e.Estimate(repository, amd64); got != 0 {
		t.Errorf("with nothing recorded the estimate is %v", got)
	}
	for i, step := range []struct {
		builder      string
		record, want time.Duration
	}{
		{"x86", 50 * time.Second, 50 * time.Second}, // better than nothing
		{"arm", 10 * time.Second, 10 * time.Second},
		{"arm", 30 * time.Second, 30 * time.Second}, // of two the longer
		{"x86", time.Second, 30 * time.Second},
		{"arm", 20 * time.Second, 20 * time.Second},
		{"arm", time.Hour, 30 * time.Second}, // one that is out of the way does little
		{"arm", time.Millisecond, 20 * time.Second},
		{"arm", time.Hour, 30 * time.Second}, // only the last five count
		{"arm", time.Hour, time.Hour},
		{"arm", -time.Hour, time.Hour}, // a clock that was set back
		{"arm", 1<<63 - 1, time.Hour},
	} {
		must(t, run(h, fmt.Sprint("run-", i), begun(), built{pkg: "app", platform: amd64, builder: step.builder, took: step.record}))
		if got := e.Estimate(repository, amd64); got != step.want {
			t.Errorf("after %d durations the estimate is %v, want %v", i+1, got, step.want)
		}
	}
	must(t, run(h, "failed", begun(), built{pkg: "app", platform: "linux/arm64", took: time.Second, failed: true}))
	if got := e.Estimate(repository, "linux/arm64") + e.Estimate(repository+"2", amd64); got != 0 {
		t.Errorf("the estimate of another platform or package is %v", got)
	}
	if got := h.LastBuilder(repository, amd64) + h.LastBuilder(repository, "linux/arm64"); got != "arm" {
		t.Errorf("the last builder is %q", got)
	}
}

// TestCachedBuilds: a build of which nothing was run says nothing of how long
// the next takes.
func TestCachedBuilds(t *testing.T) {
	instruction := func(name string, cached bool) executor.EventVertex {
		return executor.EventVertex{Name: name, Started: true, Completed: true, Cached: cached}
	}
	internal, from, export := instruction("[internal] load build context", false), instruction("[1/3] FROM docker.io/library/golang", false), instruction("exporting to oci image format", false)
	for name, c := range map[string]struct {
		instructions []executor.EventVertex
		cached       bool
	}{
		"all":                 {[]executor.EventVertex{internal, from, instruction("[2/3] COPY . .", true), instruction("[3/3] RUN make", true), export}, true},
		"some":                {[]executor.EventVertex{internal, from, instruction("[2/3] COPY . .", true), instruction("[3/3] RUN make", false), export}, false},
		"no instructions":     {[]executor.EventVertex{internal, from, export}, false},
		"nothing was told":    {nil, false},
		"not those of others": {[]executor.EventVertex{instruction("[2/3] RUN make", true), instruction("[other 2/2] RUN make", false)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := fresh(t)
			must(t, run(h, "1", begun(), built{pkg: "app", platform: amd64, took: time.Minute, instructions: []executor.EventVertex{instruction("[1/1] RUN make", false)}}))
			must(t, run(h, "2", begun(), built{pkg: "app", platform: amd64, took: 90 * time.Second, instructions: c.instructions}))
			want := 90 * time.Second
			if c.cached {
				want = time.Minute
			}
			if got := (history.Estimator{History: h}).Estimate(repository, amd64); got != want {
				t.Errorf("the estimate is %v, want %v", got, want)
			}
			steps, err := h.Node(repository, amd64, 2)
			must(t, err)
			if steps[0].Cached != c.cached || steps[1].Cached {
				t.Errorf("the builds are %+v", steps)
			}
			stats, err := h.Stats(root, time.Time{}, 1)
			must(t, err)
			if got := stats.Slowest[0].MaxMS; got != want.Milliseconds() {
				t.Errorf("the slowest took %d ms, want %v", got, want)
			}
		})
	}
}

// TestInputsAreApart: by package and repository, and across openings.
func TestInputsAreApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	h := open(t, path)
	wantInputs(t, h, repository, nil)
	must(t, h.RecordInputs(repository, inputs(3)))
	must(t, h.RecordInputs("../"+repository, inputs(1)))
	h = open(t, path)
	wantInputs(t, h, repository, inputs(3))
	wantInputs(t, h, "../"+repository, inputs(1))
	wantInputs(t, h, "other", nil)
	must(t, h.RecordInputs(repository, inputs(4)))
	must(t, h.RecordInputs(repository, &planner.Inputs{Package: "app-debug", Hash: "other"}))
	wantInputs(t, h, repository, inputs(4))
	if got, err := h.LastInputs(repository, "app-debug"); err != nil || got.Hash != "other" {
		t.Errorf("the other package of the image has %+v, %v", got, err)
	}
}

func TestRuns(t *testing.T) {
	h := fresh(t)
	if runs, err := h.Runs(root, 10); err != nil || len(runs) != 0 {
		t.Errorf("without a history there are %v, %v", runs, err)
	}
	must(t, run(h, "20260301T120000.000Z", begun(), built{pkg: "base", platform: amd64, hash: "1", builder: "b", reason: planner.ReasonInputsChanged, changes: []string{"file a", "arg B"}, took: time.Second}))
	must(t, run(h, "20260302T120000.000Z", begun().Add(24*time.Hour),
		built{pkg: "base", platform: amd64, hash: "2", builder: "b", took: 2 * time.Second, attempts: 2},
		built{pkg: `app["x"]`, platform: amd64, hash: "1", failed: true}))
	h.Begin(history.Begin{ID: "20260303T120000.000Z", Root: root, Plan: &planner.Plan{}, At: begun().Add(48 * time.Hour)})
	h.Begin(history.Begin{ID: "elsewhere", Root: "/other", Plan: &planner.Plan{}, At: begun()})

	runs, err := h.Runs(root, 10)
	must(t, err)
	var got []string
	for _, r := range runs {
		got = append(got, r.ID+" "+string(r.Outcome)+fmt.Sprint(" ", r.TookMS, r.Counts))
	}
	want := []string{"20260303T120000.000Z  0 map[]", "20260302T120000.000Z failed 60000 map[built:1 failed:1]", "20260301T120000.000Z done 60000 map[built:1]"}
	if !slices.Equal(got, want) {
		t.Errorf("runs are %q, want %q", got, want)
	}
	if all, err := h.Runs("", 10); err != nil || len(all) != 4 {
		t.Errorf("in all there are %d, %v", len(all), err)
	}
	one, err := h.Run(root, "20260301")
	must(t, err)
	wantStep := history.StepInfo{
		Run: one.ID, ID: "build:base:linux/amd64", Kind: "build", Package: "base", Platform: amd64, Hash: "1", Builder: "b", BuilderKind: "kind of b",
		Reason: "inputs_changed", Changes: []string{"file a", "arg B"}, Status: "built", Attempts: 1, StartedAt: begun(), TookMS: 1000,
	}
	if len(one.Steps) != 1 || !reflect.DeepEqual(one.Steps[0], wantStep) || one.Revision != "abc" {
		t.Errorf("the run is %+v", one)
	}
	if last, err := h.Run(root, "last"); err != nil || last.ID != "20260303T120000.000Z" {
		t.Errorf("the last is %+v, %v", last, err)
	}
	for _, id := range []string{"2026", "nothing"} {
		if got, err := h.Run(root, id); err == nil {
			t.Errorf("%q is %s", id, got.ID)
		}
	}
	for pattern, want := range map[string]int{"base": 2, "*": 3, `app["x"]`: 1, "b?se": 2, "bas": 0} {
		if steps, err := h.Package(root, pattern, 10); err != nil || len(steps) != want {
			t.Errorf("%s has %d steps, %v; want %d", pattern, len(steps), err, want)
		}
	}
	if steps, err := h.Node("ghcr.io/acme/base", amd64, 10); err != nil || len(steps) != 2 || steps[0].TookMS != 2000 {
		t.Errorf("the builds of base are %+v, %v", steps, err)
	}
}

func TestStats(t *testing.T) {
	h := fresh(t)
	must(t, run(h, "a", begun(),
		built{pkg: "slow", platform: amd64, hash: "1", reason: planner.ReasonInputsChanged, changes: []string{"file go.sum"}, took: time.Minute},
		built{pkg: "often", platform: amd64, hash: "1", reason: planner.ReasonMissing, took: time.Second},
		built{pkg: "flaky", platform: amd64, hash: "1", reason: planner.ReasonMissing, failed: true},
		built{pkg: "broken", platform: amd64, hash: "1", reason: planner.ReasonMissing, failed: true}))
	must(t, run(h, "b", begun().Add(time.Hour),
		built{pkg: "often", platform: amd64, hash: "2", reason: planner.ReasonInputsChanged, changes: []string{"file go.sum", "arg X"}, took: 3 * time.Second},
		built{pkg: "flaky", platform: amd64, hash: "1", reason: planner.ReasonMissing, took: time.Second},
		built{pkg: "broken", platform: amd64, hash: "2", reason: planner.ReasonMissing, took: time.Second}))
	s, err := h.Stats(root, time.Time{}, 2)
	must(t, err)
	want := &history.Stats{
		Runs: 2, Builds: 5,
		Slowest:  []history.NodeStats{{"slow", amd64, 1, 60000, 60000, 60000}, {"often", amd64, 2, 2000, 3000, 4000}},
		Flakiest: []history.FlakyStats{{"flaky", amd64, 2, 1}},
		Rebuilt:  []history.PackageStats{{"often", 2, 2, 4000}, {"broken", 1, 1, 1000}},
		Causes:   []history.CauseStats{{"missing", "", 3, 3, 3000}, {"inputs_changed", "file go.sum", 2, 2, 63000}},
	}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if s, err := h.Stats(root, begun().Add(time.Minute), 2); err != nil || s.Runs != 1 || s.Builds != 3 {
		t.Errorf("since then: %+v, %v", s, err)
	}
	if s, err := h.Stats("/other", time.Time{}, 2); err != nil || s.Runs != 0 || len(s.Causes) != 0 {
		t.Errorf("elsewhere: %+v, %v", s, err)
	}
}

// TestDamage: what is no history is as good as none, and recording puts it
// aside.
func TestDamage(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "history.db")
	h := history.Open(whole)
	must(t, h.RecordInputs(repository, inputs(200)))
	must(t, h.Close())
	good, err := os.ReadFile(whole)
	must(t, err)
	for what, content := range map[string]string{
		"text":      strings.Repeat("not a database ", 1000),
		"truncated": string(good[:len(good)/2]),
		"garbage":   string(good[:100]) + strings.Repeat("\xff", len(good)-100),
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history.db")
			must(t, os.WriteFile(path, []byte(content), 0o600))
			h := open(t, path)
			wantInputs(t, h, repository, nil)
			if got := (history.Estimator{History: h}).Estimate(repository, amd64); got != 0 {
				t.Errorf("the estimate is %v", got)
			}
			must(t, run(h, "x", begun(), built{pkg: "app", platform: amd64, took: time.Second}))
			must(t, h.RecordInputs(repository, inputs(5)))
			wantInputs(t, h, repository, inputs(5))
			if kept, err := os.ReadFile(path + ".damaged"); err != nil || string(kept) != content {
				t.Errorf("the damaged file is not kept: %v", err)
			}
		})
	}
	empty := filepath.Join(t.TempDir(), "history.db")
	must(t, os.WriteFile(empty, nil, 0o600))
	h = open(t, empty)
	wantInputs(t, h, repository, nil)
	must(t, h.RecordInputs(repository, inputs(5)))
}

// TestTrouble: errors name the file, and those of a run are kept to its end.
func TestTrouble(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	h := open(t, filepath.Join(file, "history.db"))
	for _, err := range []error{h.RecordInputs(repository, inputs(1)), run(h, "x", begun(), built{pkg: "app", platform: amd64})} {
		if err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("error is %v, want one that names %s", err, file)
		}
	}
}
