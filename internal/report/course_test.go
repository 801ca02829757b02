package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// planOf is a plan of builds in waves, each of which needs the first of the
// wave before, and is expected to take as many seconds.
func planOf(seconds ...[]int64) *planner.Plan {
	p := &planner.Plan{}
	need := ""
	for w, wave := range seconds {
		first := ""
		for i, s := range wave {
			pkg := fmt.Sprintf("p%d-%d", w+1, i)
			step := planner.Step{ID: "build:" + pkg + ":linux/amd64", Kind: planner.KindBuild, Package: pkg, Platform: "linux/amd64", Wave: w + 1, EstimateMS: s * 1000}
			if need != "" {
				step.Needs = []string{need}
			}
			if first == "" {
				first = step.ID
			}
			p.Steps = append(p.Steps, step)
		}
		need = first
	}
	return p
}

func (h *viewHarness) end(pkg string, status executor.Status) {
	h.tell(pkg, executor.Event{Type: executor.EventStepFinished, Status: status, Error: map[bool]string{true: "no"}[status == executor.StatusFailed]})
}

func harnessOf(p *planner.Plan, width, height int) *viewHarness {
	h := &viewHarness{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	h.view = newView(Options{Clock: func() time.Time { return h.now }, Plan: p}, width, height)
	return h
}

func TestViewOfAPlan(t *testing.T) {
	h := harnessOf(planOf([]int64{60, 30}, []int64{120}, make([]int64, 12)), 90, 24)
	h.report(executor.Event{Type: executor.EventRunStarted, Time: h.now, Steps: 15, Slots: map[string]int{"amd": 2, "arm": 12}})
	h.tell("p1-0", executor.Event{Type: executor.EventStepStarted, Attempt: 1, Builder: "amd"})
	h.tell("p1-1", executor.Event{Type: executor.EventStepStarted, Attempt: 1, Builder: "arm"})
	h.now = h.now.Add(20 * time.Second)
	h.shows(t,
		"0/15 done, 2/14 building, 20s, about 2m40s left (critical path 2m40s)",
		"waves  1 ◧◧  2 □  3 □□□□□□□□ 0/12",
		"builders  amd ◧□ 1/2  arm 1/12",
		"  p1-0 linux/amd64"+strings.Repeat(" ", 68)+"20s",
		"  p1-1 linux/amd64"+strings.Repeat(" ", 68)+"20s")
	h.report(executor.Event{Type: executor.EventBuilderFound, Time: h.now, Builder: "new", Slots: map[string]int{"new": 1}})
	h.end("p1-0", executor.StatusBuilt)
	h.end("p1-1", executor.StatusFailed)
	h.shows(t,
		"2/15 done, 0/15 building, 1 failed, 20s, about 2m left (critical path 2m)",
		"waves  1 ✗1  2 □  3 □□□□□□□□ 0/12",
		"builders  amd □□ 0/2  arm 0/12  new □ 0/1")
	h.resize(90, 8) // too low for strips
	if got := h.frame(); strings.Contains(got, "waves") {
		t.Errorf("got\n%s", got)
	}
}

// TestHeader: what is expected of the rest is told in 80 columns, whatever has
// happened, and in fewer as long as there is room.
func TestHeader(t *testing.T) {
	h := harnessOf(planOf([]int64{700, 3}, []int64{100}), 120, 24)
	h.report(executor.Event{Type: executor.EventRunStarted, Time: h.now, Steps: 140, Slots: map[string]int{"amd": 12}})
	h.tell("p1-0", executor.Event{Type: executor.EventStepStarted, Attempt: 1, Builder: "amd"})
	h.report(executor.Event{Type: executor.EventStepStarted, Time: h.now, Step: "push:x", Kind: planner.KindPush, Package: "x"})
	const calm = "0/140 done, 1/12 building, 1 more running, 0s, about 13m left (critical path 13m)"
	if got, _, _ := strings.Cut(h.frame(), "\n"); got != calm {
		t.Errorf("got\n%s\nwant\n%s", got, calm)
	}
	for i := range 34 {
		status := executor.StatusFailed
		if i >= 11 {
			status = executor.StatusSkipped
		}
		h.report(executor.Event{Type: executor.EventStepFinished, Time: h.now, Step: fmt.Sprint("x", i), Status: status, Error: "no"})
	}
	for width, want := range map[int]string{
		80: "34/140 done, 1/12 building, 11 failed, 23 skipped, 0s, ~13m left (path 13m)",
		75: "34/140, 1/12 building, 11 failed, 23 skipped, 0s, ~13m left (path 13m)",
		60: "34/140, 1/12 building, 11 failed, 0s, ~13m left (path 13m)",
		50: "34/140, 11 failed, 0s, ~13m left (path 13m)",
		30: "34/140, 11 failed, 0s, ~13m …",
	} {
		h.resize(width, 24)
		if got, _, _ := strings.Cut(h.frame(), "\n"); got != want {
			t.Errorf("%d: got\n%s\nwant\n%s", width, got, want)
		}
	}
}

// TestLeft: what is expected of the rest is the longest chain, or the work if
// there are fewer hands than chains; what takes longer than expected is about
// to end.
func TestLeft(t *testing.T) {
	c := newCourse(planOf([]int64{10, 10, 10, 10}, []int64{5}))
	now := time.Now()
	for _, want := range []struct {
		slots      int
		rest, path time.Duration
	}{{1, 45 * time.Second, 15 * time.Second}, {100, 15 * time.Second, 15 * time.Second}, {0, 45 * time.Second, 15 * time.Second}} {
		if rest, path := c.left(now, want.slots); rest != want.rest || path != want.path {
			t.Errorf("with %d slots %v, %v", want.slots, rest, path)
		}
	}
	c.started("build:p1-0:linux/amd64", now.Add(-time.Hour))
	for i := 1; i < 4; i++ {
		c.ended(fmt.Sprintf("build:p1-%d:linux/amd64", i), executor.StatusBuilt)
	}
	if rest, path := c.left(now, 1); rest != 5*time.Second || path != 5*time.Second {
		t.Errorf("late: %v, %v", rest, path)
	}
	if rest, _ := newCourse(planOf([]int64{0})).left(now, 1); rest != 0 {
		t.Errorf("of unknown times %v", rest)
	}
	for _, none := range []*course{nil, newCourse(&planner.Plan{})} {
		none.started("x", now)
		none.ended("x", executor.StatusBuilt)
		if rest, path := none.left(now, 1); rest+path != 0 {
			t.Errorf("of nothing %v, %v", rest, path)
		}
	}
}

// TestSharedInstruction: what several builds wait for is told once.
func TestSharedInstruction(t *testing.T) {
	h := newViewHarness(61, 20)
	h.begin(2)
	for _, pkg := range []string{"app", "web"} {
		h.start(pkg)
		h.tell(pkg, executor.Event{Type: executor.EventStepProgress, Vertex: &executor.EventVertex{ID: "sha256:1", Name: "RUN make", Started: true}})
	}
	h.shows(t,
		"0/2 done, 2 running, 0s",
		"  app linux/amd64  RUN make                               0s",
		"  web linux/amd64  shares this with app linux/amd64       0s")
	for _, pkg := range []string{"app", "web"} { // each exports for itself
		h.tell(pkg, executor.Event{Type: executor.EventStepProgress, Vertex: &executor.EventVertex{ID: "sha256:2", Name: "exporting to oci image format", Started: true}})
	}
	h.shows(t,
		"0/2 done, 2 running, 0s",
		"  app linux/amd64  exporting to oci image format          0s",
		"  web linux/amd64  exporting to oci image format          0s")
}

// TestExcerpt: a failure is told with its lines of the Dockerfile, and the end
// of what the build said.
func TestExcerpt(t *testing.T) {
	h := newViewHarness(61, 20)
	h.start("app")
	h.tell("app", executor.Event{Type: executor.EventStepLog, Line: "another instruction's"})
	h.tell("app", executor.Event{
		Type: executor.EventStepFinished, Status: executor.StatusFailed, Error: "exit 1",
		Excerpt: "Dockerfile:2\n   2 | >>> RUN make\n", Log: []string{"line \x1b[2J1", "line 2"},
	})
	want := []string{"FAILED app linux/amd64 after 0.0s", "  Dockerfile:2", "     2 | >>> RUN make", "  │ line 1", "  │ line 2", "  exit 1"}
	if notes := h.takeNotes(); fmt.Sprintf("%q", notes) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", notes, want)
	}
}

// TestPlanFitsEverySize: strips fit too.
func TestPlanFitsEverySize(t *testing.T) {
	var waves [][]int64
	for range 40 {
		waves = append(waves, make([]int64, 20))
	}
	h := harnessOf(planOf(waves...), 80, 24)
	h.view.palette = newPalette(true)
	slots := map[string]int{}
	for i := range 30 {
		slots[fmt.Sprint("builder-", i)] = 4
	}
	h.report(executor.Event{Type: executor.EventRunStarted, Time: h.now, Steps: 800, Slots: slots})
	for i := range 20 {
		h.tell(fmt.Sprintf("p1-%d", i), executor.Event{Type: executor.EventStepStarted, Attempt: 1, Builder: fmt.Sprint("builder-", i)})
	}
	checkSizes(t, h)
}

// TestShortNames: what tells the packages of a block apart stays.
func TestShortNames(t *testing.T) {
	for width, want := range map[int]string{
		60: `a-rather-long-name["five"] linux/amd64`,
		32: `a-rather-lo…["five"] linux/amd64`,
		20: `a-rathe… linux/amd64`,
		14: `a-rather-long…`,
	} {
		s := viewStep{name: `a-rather-long-name["five"] linux/amd64`, platform: "linux/amd64"}
		if got := s.shortName(width); got != want {
			t.Errorf("in %d cells %q, want %q", width, got, want)
		}
	}
}
