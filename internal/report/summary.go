package report

import (
	"fmt"
	"strings"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Summary is the line that ends a plan, without a line end:
//
//	Plan: 2 to build, 1 to index; 4 reused (3 registry, 1 store). Estimated 4m10s (critical path base → app).
func Summary(p *planner.Plan) string {
	line := "Plan: nothing to do"
	if todo := toDo(p.Summary); len(todo) > 0 {
		line = "Plan: " + strings.Join(todo, ", ")
	}
	line += fmt.Sprintf("; %d reused", p.Summary.ReuseRegistry+p.Summary.ReuseStore)
	var from []string
	if n := p.Summary.ReuseRegistry; n > 0 {
		from = append(from, fmt.Sprintf("%d registry", n))
	}
	if n := p.Summary.ReuseStore; n > 0 {
		from = append(from, fmt.Sprintf("%d store", n))
	}
	if len(from) > 0 {
		line += " (" + strings.Join(from, ", ") + ")"
	}
	return line + "." + estimate(p)
}

// toDo is "3 to build", "1 to index" and so on, without what there is none of.
func toDo(s planner.Summary) []string {
	var todo []string
	for _, k := range []struct {
		n    int
		what planner.Kind
	}{
		{s.Build, planner.KindBuild}, {s.Pull, planner.KindPull}, {s.Index, planner.KindIndex},
		{s.Push, planner.KindPush}, {s.Tag, planner.KindTag}, {s.Load, planner.KindLoad},
	} {
		if k.n > 0 {
			todo = append(todo, fmt.Sprintf("%d to %s", k.n, k.what))
		}
	}
	return todo
}

func estimate(p *planner.Plan) string {
	if p.EstimateMS == 0 {
		return ""
	}
	took := milliseconds(p.EstimateMS)
	if len(p.CriticalPath) == 0 {
		return " Estimated " + took + "."
	}
	return fmt.Sprintf(" Estimated %s (critical path %s).", took, strings.Join(p.CriticalPath, " → "))
}

// ResultSummary is the line that ends a run, without a line end:
//
//	Apply: 2 built, 1 indexed; 4 reused, in 12s.
func ResultSummary(r *executor.Result) string {
	counts := r.Counts()
	var parts []string
	for _, s := range []executor.Status{
		executor.StatusBuilt, executor.StatusUnchanged, executor.StatusPulled, executor.StatusIndexed, executor.StatusPushed, executor.StatusTagged,
		executor.StatusLoaded,
		executor.StatusFailed, executor.StatusSkipped, executor.StatusCancelled,
	} {
		if counts[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	line := "Apply: nothing to do"
	if len(parts) > 0 {
		line = "Apply: " + strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s; %d reused, in %s.", line, counts[executor.StatusReused], Duration(r.FinishedAt.Sub(r.StartedAt)))
}
