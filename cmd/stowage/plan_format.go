package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/internal/report/ci"
	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/planner"
)

// planFormats are the formats that a plan is printed in.
func planFormats() []string {
	return []string{"text", "json", "markdown", "html", "dot", "mermaid", "github", "gitlab"}
}

// planFormat is how a plan is printed.
type planFormat struct {
	name    string
	split   string
	runners []string
}

func (f *planFormat) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "format", "text", "output as "+orList(planFormats()))
	cmd.Flags().StringVar(&f.split, "split", string(ci.ByGraph), "jobs of --format github and gitlab: one for what hangs together (graph), or for each wave (waves)")
	cmd.Flags().StringArrayVar(&f.runners, "runner", nil, "with --format github, run jobs of a platform on machines with a label, `PLATFORM=LABEL`; may be repeated")
}

func (f *planFormat) check() error {
	if err := oneOf("--format", f.name, planFormats()...); err != nil {
		return err
	}
	if err := oneOf("--split", f.split, string(ci.ByGraph), string(ci.ByWaves)); err != nil {
		return err
	}
	_, err := f.labels()
	return err
}

// labels are the runners by platform.
func (f *planFormat) labels() (map[string]string, error) {
	labels := map[string]string{}
	for _, r := range f.runners {
		platform, label, ok := strings.Cut(r, "=")
		if !ok || platform == "" || label == "" {
			return nil, fmt.Errorf("--runner %q: write PLATFORM=LABEL, such as linux/arm64=ubuntu-24.04-arm", r)
		}
		labels[platform] = label
	}
	return labels, nil
}

// printPlan prints a plan. ws is nil for a saved plan, of which less is known.
func (e *env) printPlan(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, format planFormat) error {
	switch format.name {
	case "text":
		return report.Plan(e.stdout, plan, report.PlanOptions{Color: e.colored(e.stdout)})
	case "markdown":
		return report.Markdown(e.stdout, plan)
	case "dot":
		return report.PlanDot(e.stdout, plan)
	case "mermaid":
		return report.PlanMermaid(e.stdout, plan)
	case "html":
		if ws == nil {
			return web.Plan(e.stdout, plan, web.Details{})
		}
		return ws.WritePlanPage(ctx, e.stdout, plan)
	case "github", "gitlab":
		return e.printJobs(plan, format)
	}
	content, err := plan.Marshal()
	if err == nil {
		_, err = e.stdout.Write(content)
	}
	return err
}

// printJobs prints a plan as jobs. One with errors is none: they are printed
// instead.
func (e *env) printJobs(plan *planner.Plan, format planFormat) error {
	if plan.Errored {
		return report.Plan(e.stderr, plan, report.PlanOptions{Color: e.colored(e.stderr)})
	}
	jobs, err := ci.Split(plan, ci.By(format.split), ci.MaxJobs)
	if err != nil {
		return err
	}
	if format.name == "gitlab" {
		return ci.GitLab(e.stdout, jobs)
	}
	labels, err := format.labels()
	if err != nil {
		return err
	}
	return ci.GitHub(e.stdout, jobs, labels)
}
