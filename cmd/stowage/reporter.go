package main

import (
	"os"

	"github.com/stowage-build/stowage/internal/report"
)

// reporter shows a run on standard error, as --progress says.
func (e *env) reporter() (report.Reporter, error) {
	return report.NewReporter(e.progress, e.stderr, report.Options{
		Color: e.colored(e.stderr), Term: os.Getenv("TERM"),
	})
}
