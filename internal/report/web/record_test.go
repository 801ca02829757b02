package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/planner"
)

// TestCacheEffect: an instruction that another build has run for this one did
// not come from the cache, whatever BuildKit says of the build's own.
func TestCacheEffect(t *testing.T) {
	const own, others = "[tools 2/2] RUN make", "[stage-0 2/3] RUN make"
	step := planner.Step{ID: "build:app:linux/amd64", Kind: planner.KindBuild, Package: "app", Platform: "linux/amd64", Wave: 1}
	record := web.NewRecord()
	record.Report(executor.Event{Type: executor.EventStepStarted, Step: step.ID, Time: begun(), Attempt: 1})
	for i, v := range []executor.EventVertex{
		{ID: "own", Name: own},
		{ID: "base", Name: "[tools 1/2] FROM base"},
		{ID: "base", Name: "[tools 1/2] FROM base", Started: true, Completed: true, Cached: true},
		{ID: "other", Name: others, Started: true},
		{ID: "other", Name: others, Started: true, Completed: true},
		{ID: "own", Name: own, Started: true, Completed: true, Cached: true},
	} {
		record.Report(executor.Event{Type: executor.EventStepProgress, Step: step.ID, Time: begun().Add(time.Duration(i) * time.Second), Vertex: &v})
	}
	result := &executor.Result{StartedAt: begun(), FinishedAt: begun().Add(time.Minute)}
	result.Done = []executor.Done{{Ran: executor.Ran{Step: step, StartedAt: begun(), FinishedAt: begun().Add(time.Minute)}, Status: executor.StatusBuilt}}
	page := &strings.Builder{}
	if err := web.Run(page, &planner.Plan{Steps: []planner.Step{step}}, result, record, web.Details{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"instructions":2,"cached":1`, `"slow":[{"label":"` + own + `","n":-1,"s":0,"ms":1000`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %s in the page's data", want)
		}
	}
}
