package main

import (
	"context"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/planner"
)

// planFormats are the formats that a plan is printed in.
func planFormats() []string { return []string{"text", "json", "html"} }

// printPlan prints a plan. ws is nil for a saved plan, of which less is known.
func (e *env) printPlan(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, format string) error {
	switch format {
	case "text":
		return report.Plan(e.stdout, plan, report.PlanOptions{Color: e.colored(e.stdout)})
	case "html":
		if ws == nil {
			return web.Plan(e.stdout, plan, web.Details{})
		}
		return ws.WritePlanPage(ctx, e.stdout, plan)
	}
	content, err := plan.Marshal()
	if err == nil {
		_, err = e.stdout.Write(content)
	}
	return err
}
