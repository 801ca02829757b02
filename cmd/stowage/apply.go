package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// applyFlags are the flags of apply that do not shape its plan.
type applyFlags struct {
	jobs     int
	schedule string
	failFast bool
	wait     time.Duration
	builders []string
	config   string
	allow    []string
	metadata string
}

func applyCommand(e *env) *cobra.Command {
	var shape planFlags
	var flags applyFlags
	cmd := &cobra.Command{
		Use:   "apply [PACKAGE… | PLAN]",
		Short: "Build, and with --push publish, what a plan says",
		Long: `Plan, then do it: build what is not in the store or the registry, write
multi-platform indexes, and with --push push them and move the moving tags.

PACKAGE selects as in stowage plan. PLAN is a file that stowage plan --out
saved: it is refused, with exit code 3, when the workspace no longer gives the
same hashes or the file was altered.

What does not depend on a failure goes on; a second apply does only what is
left. Interrupted once, it cancels the builds and leaves everything consistent.`,
		Example: `  stowage apply
  stowage apply app --with-dependents --jobs 8
  stowage apply --push
  stowage plan --push --out plan.json && stowage apply plan.json`,
		ValidArgsFunction: e.completePackages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			return e.apply(cmd, args, shape, flags)
		},
	}
	shape.register(cmd.Flags())
	f := cmd.Flags()
	f.IntVarP(&flags.jobs, "jobs", "j", 0, "do at most `N` things at once (default: twice the processors, or as many as the builders have slots for); builders without declared slots take as many builds")
	f.StringVar(&flags.schedule, "schedule", "eager", "start a step when its own needs are done (eager), or wave by wave (waves)")
	f.BoolVar(&flags.failFast, "fail-fast", false, "stop at the first failure")
	f.DurationVar(&flags.wait, "builder-wait", executor.DefaultPatience, "how long builds wait for builders that are lost, when no other can do them")
	f.StringArrayVar(&flags.builders, "builder", nil, "build on the BuildKit at `[PLATFORMS=]ENDPOINT` (unix:// tcp:// ssh:// docker-container:// podman-container:// kube-pod://), or only these platforms; may be repeated")
	e.registerBuilderConfig(cmd, &flags.config)
	f.StringVar(&flags.metadata, "metadata-file", "", "write what became of every selected package to `FILE`, as JSON in docker buildx's format")
	f.StringArrayVar(&flags.allow, "allow", nil, "allow an `ENTITLEMENT`: network.host or security.insecure")
	return cmd
}

func (f *applyFlags) check() error {
	if f.jobs < 0 {
		return fmt.Errorf("--jobs %d: use 1 or more", f.jobs)
	}
	if f.config != "" && slices.ContainsFunc(f.builders, func(b string) bool { before, _, _ := strings.Cut(b, "://"); return !strings.Contains(before, "=") }) {
		return errors.New("--builder-config is for the embedded builder, --builder ENDPOINT builds elsewhere; use one of them")
	}
	for _, a := range f.allow {
		if err := oneOf("--allow", a, "network.host", "security.insecure"); err != nil {
			return err
		}
	}
	return oneOf("--schedule", f.schedule, string(executor.ScheduleEager), string(executor.ScheduleWaves))
}

// apply plans, or takes a saved plan, and applies it.
func (e *env) apply(cmd *cobra.Command, args []string, shape planFlags, flags applyFlags) error {
	saved, err := e.savedPlan(args)
	if err != nil {
		return err
	}
	opts, err := e.options()
	if err != nil {
		return err
	}
	opts.Endpoints, opts.At, opts.BuilderConfig = flags.builders, time.Time(shape.at), e.optionalPath(flags.config)
	if flags.metadata != "" {
		opts.Omit = append(opts.Omit, e.path(flags.metadata))
	}
	if saved != nil {
		if err := refuseShape(cmd); err != nil {
			return err
		}
		opts.Omit = append(opts.Omit, e.path(args[0]))
		stowage.Restore(&opts, saved)
	}
	ws, err := e.openWith(cmd.Context(), opts)
	if err != nil {
		return staleIf(saved, err)
	}
	defer ws.Close()
	plan, err := e.planToApply(cmd.Context(), ws, saved, shape, args)
	if err != nil {
		return err
	}
	return e.applyPlan(cmd.Context(), ws, plan, flags)
}

// staleIf makes mistakes in the configuration that are new since a plan was
// saved a reason not to apply it.
func staleIf(saved *planner.Plan, err error) error {
	var diags *stowage.DiagnosticsError
	if saved != nil && errors.As(err, &diags) {
		return &planner.StaleError{Differences: []string{"the configuration has mistakes now: " + diags.Error()}}
	}
	return err
}

// savedPlan reads the saved plan that args name, or returns nil when they are
// a selection. A package's name goes before a file's.
func (e *env) savedPlan(args []string) (*planner.Plan, error) {
	if len(args) != 1 {
		return nil, nil
	}
	info, err := os.Stat(e.path(args[0]))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !info.Mode().IsRegular()) || e.isPackage(args[0]) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	return e.readPlan(args[0])
}

// isPackage reports whether the workspace declares a package block called
// name. A workspace that cannot be loaded has none; apply will say why.
func (e *env) isPackage(name string) bool {
	opts, err := e.options()
	if err != nil {
		return false
	}
	ws, err := stowage.Open(context.Background(), e.dir, opts)
	if err != nil {
		return false
	}
	defer ws.Close()
	return slices.ContainsFunc(ws.Config().Packages, func(d *schema.Declaration) bool {
		return d.Name == name || d.Block == name
	})
}

// refuseShape refuses flags that a saved plan has decided.
func refuseShape(cmd *cobra.Command) error {
	shape := pflag.NewFlagSet("shape", pflag.ContinueOnError)
	new(planFlags).register(shape)
	var err error
	shape.VisitAll(func(f *pflag.Flag) {
		if cmd.Flags().Changed(f.Name) && err == nil {
			err = fmt.Errorf("--%s was decided when the plan was saved; leave it out, or make a new plan with it", f.Name)
		}
	})
	return err
}

func (e *env) planToApply(ctx context.Context, ws *stowage.Workspace, saved *planner.Plan, shape planFlags, args []string) (*planner.Plan, error) {
	if saved != nil {
		return ws.Replan(ctx, saved)
	}
	opts, err := shape.options(e, ws, args)
	if err != nil {
		return nil, err
	}
	return ws.Plan(ctx, opts)
}

// applyPlan runs a plan and reports on it.
func (e *env) applyPlan(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, flags applyFlags) error {
	if plan.Errored {
		if err := report.Plan(e.stderr, plan, report.PlanOptions{Color: e.colored(e.stderr)}); err != nil {
			return err
		}
		return errFailed
	}
	if e.progress != "json" && e.progress != "quiet" { // events alone, or nothing
		fmt.Fprintln(e.stderr, report.Summary(plan))
	}
	reporter, err := e.reporter(plan)
	if err != nil {
		return err
	}
	dir := ""
	result, err := ws.Apply(ctx, plan, stowage.ApplyOptions{
		Jobs: flags.jobs, Schedule: executor.Schedule(flags.schedule), FailFast: flags.failFast, BuilderWait: flags.wait,
		Allow: flags.allow, Reporter: reporter,
		Waiting: e.waiting("builder"), Started: func(d string) { dir = d },
	})
	err = errors.Join(err, reporter.Close())
	if result == nil {
		return err
	}
	_, live := reporter.(*report.TTY)
	report.Failures(e.stderr, result, live)
	fmt.Fprintln(e.stdout, report.ResultSummary(result))
	if err != nil {
		return err
	}
	if !result.OK() && e.progress != "json" && e.progress != "quiet" {
		fmt.Fprintf(e.stderr, "What happened, with logs: %s\n", filepath.Join(dir, "report.html"))
	}
	if !result.Interrupted {
		if err := e.writeOutputs(ctx, ws, plan, result); err != nil {
			return err
		}
	}
	if flags.metadata != "" {
		if err := e.writeMetadata(ctx, ws, plan, result, flags.metadata); err != nil {
			return err
		}
	}
	if err := tellGitHub(os.Getenv, plan, result); err != nil {
		return err
	}
	switch {
	case result.Interrupted:
		return context.Canceled
	case !result.OK():
		return errFailed
	}
	return nil
}
