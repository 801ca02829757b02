package main

import (
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
)

// reporter shows a run on standard error, as --progress says.
type reporter struct{ executor.Reporter }

// Close ends the view.
func (reporter) Close() error { return nil }

func (e *env) reporter() reporter {
	switch e.progress {
	case "json":
		return reporter{report.JSON{W: e.stderr}}
	case "quiet":
		return reporter{report.Quiet{}}
	}
	return reporter{&report.Plain{W: e.stderr}}
}
