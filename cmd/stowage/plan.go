package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// planFlags are the flags that shape a plan, shared by plan and apply.
type planFlags struct {
	withDependents bool
	platforms      []string
	skipPlatforms  []string
	push           bool
	allowDirty     bool
	offline        bool
	at             moment
	force          bool
	pull           bool
	load           bool
	skipBuild      bool
	ignoreCached   bool
	noIndex        bool
	release        string
	output         string
}

// moment is a time on the command line.
type moment time.Time

func (m *moment) String() string {
	if time.Time(*m).IsZero() {
		return ""
	}
	return time.Time(*m).Format(time.RFC3339)
}

func (m *moment) Type() string { return "TIME" }

// Set takes RFC 3339, or a date, which is its first instant in UTC.
func (m *moment) Set(text string) error {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	if err != nil {
		return errors.New("write a date (2006-01-02) or a time (2006-01-02T15:04:05Z)")
	}
	*m = moment(t)
	return nil
}

func (f *planFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.withDependents, "with-dependents", false, "also the packages that depend on those selected")
	flags.StringSliceVar(&f.platforms, "platform", nil, "only these `PLATFORMS`, comma-separated")
	flags.StringSliceVar(&f.skipPlatforms, "skip-platform", nil, "not these `PLATFORMS`, comma-separated")
	flags.BoolVar(&f.push, "push", false, "push what the registry lacks, and move the moving tags")
	flags.BoolVar(&f.allowDirty, "allow-dirty", false, "push packages although their files differ from HEAD")
	flags.BoolVar(&f.offline, "offline", false, "ask no registry")
	flags.BoolVar(&f.force, "force", false, "build what is selected although it exists; with --release, move a release that exists")
	flags.BoolVar(&f.pull, "pull", false, "pull what is selected and only in the registry into the store")
	flags.BoolVar(&f.load, "load", false, "load what is selected into Docker, or the engine at DOCKER_HOST: TAG-ARCH for every platform, and TAG for the engine's own")
	flags.BoolVar(&f.skipBuild, "skip-build", false, "build nothing: index, push and release what exists")
	flags.BoolVar(&f.ignoreCached, "ignore-cached", false, "take dependencies from the registry although the store has them")
	flags.BoolVar(&f.noIndex, "no-index", false, "push per-platform tags only, and no index")
	flags.StringVar(&f.release, "release", "", "with --push, move the tag `R` of every selected package, after all has succeeded")
	flags.StringVar(&f.output, "output", stowage.OutputStore, "`WHERE` builders put images: store, or with --push registry, past this machine")
	flags.Var(&f.at, "at", "as if it were `TIME`: decides which refresh periods have begun")
}

// plannedOutput is the output as a plan records it: "" for the usual one.
func (f *planFlags) plannedOutput() string {
	if f.output == stowage.OutputStore {
		return ""
	}
	return f.output
}

// options completes the flags with the selection.
func (f *planFlags) options(e *env, ws *stowage.Workspace, args []string) (stowage.PlanOptions, error) {
	dir, err := e.selectionDir(ws)
	return stowage.PlanOptions{
		Packages: args, Dir: dir, WithDependents: f.withDependents,
		Platforms: f.platforms, SkipPlatforms: f.skipPlatforms,
		Push: f.push, AllowDirty: f.allowDirty, Offline: f.offline,
		Force: f.force, Pull: f.pull, SkipBuild: f.skipBuild, IgnoreCached: f.ignoreCached,
		NoIndex: f.noIndex, Release: f.release, Load: f.load, Output: f.plannedOutput(),
	}, err
}

func planCommand(e *env) *cobra.Command {
	var flags planFlags
	var simulated simulateFlags
	var format planFormat
	var builders []string
	var out, since string
	var detailed bool
	cmd := &cobra.Command{
		Use:   "plan [PACKAGE…]",
		Short: "Say what must be built, and why",
		Long: `Say what must be built, pushed and tagged, in which order, and why.

PACKAGE is a package's name, a glob over names, @GROUP, or a directory, which
stands for the packages that are declared there or have their context there;
without one, all packages are planned. Nothing is built and nothing of the
workspace is run; no builder is needed.

With --since, say instead what the work tree adds, removes and rebuilds compared
with a git revision: no registry is asked, and nothing is checked out.

With --simulate, say instead how long the plan would take: it is scheduled over
the builders, which are not asked, as apply would schedule it, with the
durations of earlier builds. Only builds take time there.`,
		Example: `  stowage plan
  stowage plan app 'lint-*' @tools ./pkg/base
  stowage plan --push --out plan.json && stowage apply plan.json
  stowage plan --format json | jq .summary
  stowage plan --format html > plan.html
  stowage plan --push --format markdown | gh pr comment --body-file -
  stowage plan --since origin/main
  stowage plan --simulate --force --simulate-duration 90s`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.check(); err != nil {
				return err
			}
			if err := simulated.check(cmd, format.name); err != nil {
				return err
			}
			format.builders = builders
			if out != "" {
				e.omit = append(e.omit, e.path(out))
			}
			ws, err := e.openAt(cmd.Context(), time.Time(flags.at), builders...)
			if err != nil {
				return err
			}
			defer ws.Close()
			opts, err := flags.options(e, ws, args)
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("since") {
				if since == "" {
					return errors.New("--since is empty: give it a revision of git, as in --since origin/main")
				}
				if err := oneOf("--format", format.name, "text", "json", "markdown"); err != nil {
					return fmt.Errorf("%w with --since", err)
				}
				if err := refuseWithSince(cmd); err != nil {
					return err
				}
				return e.planSince(cmd.Context(), ws, stowage.SinceOptions{
					Revision: since, Packages: opts.Packages, Dir: opts.Dir, WithDependents: opts.WithDependents,
				}, format.name, detailed)
			}
			plan, err := ws.Plan(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if simulated.on {
				return e.simulate(cmd.Context(), ws, plan, simulated, format.name)
			}
			return e.finishPlan(cmd.Context(), ws, plan, format, out, detailed)
		},
		ValidArgsFunction: e.completePackages,
	}
	flags.register(cmd.Flags())
	simulated.register(cmd)
	format.register(cmd)
	cmd.Flags().StringVar(&since, "since", "", "say what has changed since git revision `REV`, whatever has been built")
	cmd.Flags().StringArrayVar(&builders, "builder", nil, "plan for a builder of its own for platforms, `[PLATFORMS=]ENDPOINT` as for apply, which is not asked; may be repeated")
	cmd.Flags().StringVar(&out, "out", "", "save the plan to `FILE`, for stowage apply FILE")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there is something to do")
	return cmd
}

// refuseWithSince refuses flags that mean nothing to a comparison of two states
// of the workspace.
func refuseWithSince(cmd *cobra.Command) error {
	for _, name := range []string{
		"out", "push", "platform", "skip-platform", "force", "pull", "skip-build", "ignore-cached", "no-index", "release", "load", "output",
	} {
		if cmd.Flags().Changed(name) {
			return fmt.Errorf("--since compares two states of the workspace and plans nothing to do; leave out --%s", name)
		}
	}
	return nil
}

// planSince prints what has changed since a revision.
func (e *env) planSince(ctx context.Context, ws *stowage.Workspace, opts stowage.SinceOptions, format string, detailed bool) error {
	changes, err := ws.Since(ctx, opts)
	if err != nil {
		return err
	}
	switch format {
	case "json":
		var content []byte
		if content, err = changes.Marshal(); err == nil {
			_, err = e.stdout.Write(content)
		}
	case "markdown":
		err = report.SinceMarkdown(e.stdout, changes)
	default:
		err = report.Since(e.stdout, changes, report.PlanOptions{Color: e.colored(e.stdout)})
	}
	if err == nil && detailed && len(changes.Packages) > 0 {
		return errToDo
	}
	return err
}

// finishPlan saves and prints a plan.
func (e *env) finishPlan(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, format planFormat, out string, detailed bool) error {
	if out != "" {
		content, err := plan.MarshalSaved()
		if err != nil {
			return err
		}
		if err := os.WriteFile(e.path(out), content, 0o644); err != nil {
			return fmt.Errorf("save the plan: %w", err)
		}
	}
	if err := e.printPlan(ctx, ws, plan, format); err != nil {
		return err
	}
	switch {
	case plan.Errored:
		return errFailed
	case detailed && plan.ToDo() > 0:
		return errToDo
	}
	return nil
}
