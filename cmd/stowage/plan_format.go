package main

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	waves   int
	runners []string
	allow   []string
	// builders are those that the plan was made for.
	builders []string
}

func (f *planFormat) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "format", "text", "output as "+orList(planFormats()))
	cmd.Flags().StringVar(&f.split, "split", string(ci.ByGraph), "jobs of --format github and gitlab: one for what hangs together (graph), or for each wave (waves)")
	cmd.Flags().IntVar(&f.waves, "max-waves", 0, "with --split waves, at most `N` waves: the last has what is left of them, one job for what hangs together (default: as many as there are)")
	cmd.Flags().StringArrayVar(&f.runners, "runner", nil, "with --format github, run jobs of a platform on machines with a label, `PLATFORM=LABEL`; may be repeated")
	cmd.Flags().StringArrayVar(&f.allow, "allow", nil, "with --format github and gitlab, have jobs allow an `ENTITLEMENT`: network.host or security.insecure")
}

func (f *planFormat) check() error {
	if err := oneOf("--format", f.name, planFormats()...); err != nil {
		return err
	}
	if err := oneOf("--split", f.split, string(ci.ByGraph), string(ci.ByWaves)); err != nil {
		return err
	}
	if f.waves < 0 || f.waves > 0 && f.split != string(ci.ByWaves) {
		return fmt.Errorf("--max-waves %d: use 1 or more, with --split waves", f.waves)
	}
	for _, a := range f.allow {
		if err := oneOf("--allow", a, "network.host", "security.insecure"); err != nil {
			return err
		}
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
		return e.printJobs(ctx, ws, plan, format)
	}
	content, err := plan.Marshal()
	if err == nil {
		_, err = e.stdout.Write(content)
	}
	return err
}

// printJobs prints a plan as jobs. One with errors is none: they are printed
// instead.
func (e *env) printJobs(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, format planFormat) error {
	if plan.Errored {
		return report.Plan(e.stderr, plan, report.PlanOptions{Color: e.colored(e.stderr)})
	}
	opts := ci.Options{
		By: ci.By(format.split), Limit: ci.MaxGitHub, Waves: format.waves, Dir: e.dir,
		BuildArgFiles: e.argFiles, Builders: format.builders, Allow: format.allow,
	}
	if format.name == "gitlab" {
		opts.Limit = ci.MaxGitLab
	}
	if ws != nil {
		var err error
		if opts.At, err = jobsAt(ctx, ws, plan); err != nil {
			return err
		}
	}
	jobs, err := ci.Split(plan, opts)
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

// jobsAt is the time that jobs are to take it to be: the plan's, where packages
// have refresh periods, of which another may have begun until a job is run. It
// refuses what jobs would not know of.
func jobsAt(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan) (string, error) {
	for _, v := range ws.Config().Variables {
		if v.FromFlag && v.Sensitive {
			return "", fmt.Errorf("variable %q is sensitive, so jobs cannot be given it on their command lines: set STOWAGE_VAR_%s, here and in the jobs, instead of --var or --var-file", v.Name, v.Name)
		}
	}
	r, err := ws.Resolve(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range r.Packages {
		if p.Refresh > 0 {
			return plan.CreatedAt.UTC().Format(time.RFC3339), nil
		}
	}
	return "", nil
}
