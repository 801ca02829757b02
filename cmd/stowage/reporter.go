package main

import (
	"os"

	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// reporter shows a run of a plan on standard error, as --progress says.
func (e *env) reporter(plan *planner.Plan) (report.Reporter, error) {
	return report.NewReporter(e.progress, e.stderr, report.Options{
		Color: e.colored(e.stderr), Term: os.Getenv("TERM"), Plan: plan, Fold: report.FoldOf(os.Getenv),
		Rigid: os.Getenv("XTERM_VERSION") != "" || os.Getenv("STY") != "", // xterm, GNU screen
	})
}
