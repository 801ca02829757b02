package web

import (
	"fmt"
	"strings"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// cleanLog makes a log readable without a terminal.
func cleanLog(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	for i, line := range lines {
		lines[i] = report.Clean(line)
	}
	return strings.Join(lines, "\n")
}

// planRest is what a plan has to do besides what the page's tiles count, which
// are nodes, and where it has what it reuses.
func planRest(p *planner.Plan) string {
	s := p.Summary
	text := list("After the builds: ", []count{{s.Index, "to index"}, {s.Push, "to push"}, {s.Tag, "to tag"}, {s.Load, "to load"}})
	return text + list("Reused: ", []count{{s.ReuseRegistry, "in the registry"}, {s.ReuseStore, "in the store"}})
}

// runRest is what became of the steps that are of no node.
func runRest(r *executor.Result) string {
	counts := map[executor.Status]int{}
	add := func(s planner.Step, status executor.Status) {
		switch s.Kind {
		case planner.KindIndex, planner.KindPush, planner.KindTag, planner.KindLoad:
			counts[status]++
		}
	}
	for _, d := range r.Done {
		add(d.Step, d.Status)
	}
	for _, f := range r.Failed {
		add(f.Step, executor.StatusFailed)
	}
	for _, s := range r.Skipped {
		add(s.Step, executor.StatusSkipped)
	}
	for _, c := range r.Cancelled {
		add(c.Step, executor.StatusCancelled)
	}
	var all []count
	for _, s := range []executor.Status{
		executor.StatusIndexed, executor.StatusPushed, executor.StatusTagged, executor.StatusLoaded,
		executor.StatusFailed, executor.StatusSkipped, executor.StatusCancelled,
	} {
		all = append(all, count{counts[s], string(s)})
	}
	return list("After the builds: ", all)
}

// count is how many there are of something.
type count struct {
	n    int
	what string
}

// list is a sentence of counts, without those of nothing.
func list(title string, counts []count) string {
	var parts []string
	for _, c := range counts {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return title + strings.Join(parts, ", ") + ". "
}

// b2i orders false before true.
func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
