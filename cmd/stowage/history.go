package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
)

// historyFlags are shared by the commands that ask the history.
type historyFlags struct {
	all    bool
	limit  int
	format string
}

func (f *historyFlags) register(cmd *cobra.Command, limit int) {
	cmd.Flags().BoolVar(&f.all, "all", false, "of all workspaces that use the store, not only this one")
	cmd.Flags().IntVar(&f.limit, "limit", limit, "at most `N` lines of each kind")
	cmd.Flags().StringVar(&f.format, "format", "text", "output as text or json")
}

func (f *historyFlags) check() error {
	if f.limit < 1 {
		return fmt.Errorf("--limit %d: use 1 or more", f.limit)
	}
	return oneOf("--format", f.format, "text", "json")
}

func historyCommand(e *env) *cobra.Command {
	var flags historyFlags
	var pkg string
	cmd := &cobra.Command{
		Use:   "history [RUN]",
		Short: "List earlier runs, or say what one did",
		Long: `List the runs of this workspace on this machine, newest first. With RUN, the id
of one, the beginning of it, or "last", list what it did and why, and say where
its page with timeline and logs is.

With --package, list what runs did to a package, or to all that a glob matches.`,
		Example: `  stowage history
  stowage history last
  stowage history 20260301T1200
  stowage history --package 'lint-*' --format json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: e.completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			if len(args) > 0 && pkg != "" {
				return errors.New("--package lists all runs; leave out RUN, or --package")
			}
			h, root, err := e.history(flags.all)
			if err != nil {
				return err
			}
			switch {
			case pkg != "":
				err = e.packageHistory(h, root, pkg, flags)
			case len(args) > 0:
				err = e.oneRun(h, root, args[0], flags)
			default:
				err = e.runs(h, root, flags)
			}
			return errors.Join(err, h.Close())
		},
	}
	flags.register(cmd, 20)
	cmd.Flags().StringVar(&pkg, "package", "", "list what runs did to the package `NAME`, which may be a glob")
	return cmd
}

// history opens the history, and returns the root of the workspace to ask
// about: "" for all, and where there is no workspace.
func (e *env) history(all bool) (h *stowage.History, root string, err error) {
	opts, err := e.options()
	if err != nil {
		return nil, "", err
	}
	if !all {
		if root, err = stowage.FindRoot(e.dir); err != nil {
			return nil, "", fmt.Errorf("%w; --all lists the runs of all workspaces", err)
		}
	}
	return stowage.OpenHistory(opts), root, nil
}

func (e *env) runs(h *stowage.History, root string, flags historyFlags) error {
	runs, err := h.Runs(root, flags.limit)
	if err != nil {
		return err
	}
	if flags.format == "json" {
		return e.printJSON(runs)
	}
	return report.Runs(e.stdout, runs, time.Now(), report.PlanOptions{Color: e.colored(e.stdout)})
}

func (e *env) oneRun(h *stowage.History, root, id string, flags historyFlags) error {
	run, err := h.Run(root, id)
	if err != nil {
		return err
	}
	if flags.format == "json" {
		return e.printJSON(run)
	}
	opts, err := e.options()
	if err != nil {
		return err
	}
	page := filepath.Join(stowage.RunsDir(opts), run.ID, "report.html")
	return report.Run(e.stdout, run, page, report.PlanOptions{Color: e.colored(e.stdout)})
}

func (e *env) packageHistory(h *stowage.History, root, pkg string, flags historyFlags) error {
	steps, err := h.Package(root, pkg, flags.limit)
	if err != nil {
		return err
	}
	if flags.format == "json" {
		return e.printJSON(steps)
	}
	if len(steps) == 0 {
		_, err := fmt.Fprintf(e.stderr, "No run that is known did anything to a package %q.\n", pkg)
		return err
	}
	return report.PackageHistory(e.stdout, steps, report.PlanOptions{Color: e.colored(e.stdout)})
}

// completeRuns completes the ids of runs, with when and how they ended.
func (e *env) completeRuns(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	h, root, err := e.history(false)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer h.Close()
	const offered = 50
	runs, err := h.Runs(root, offered)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ids := []string{cobra.CompletionWithDesc("last", "the newest")}
	for _, r := range runs {
		ids = append(ids, cobra.CompletionWithDesc(r.ID, report.Ago(time.Since(r.StartedAt))+" "+string(r.Outcome)))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func statsCommand(e *env) *cobra.Command {
	var flags historyFlags
	var since period
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Say which builds are slow, fail now and then, or happen often, and why",
		Long: `Say, of the runs of this workspace on this machine, which nodes take longest to
build; which failed and succeeded with the same inputs; which packages are built
most often; and what changes cause builds.`,
		Example: "  stowage stats\n  stowage stats --since 30d --limit 5\n  stowage stats --format json | jq .causes",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := flags.check(); err != nil {
				return err
			}
			h, root, err := e.history(flags.all)
			if err != nil {
				return err
			}
			var from time.Time
			if since > 0 {
				from = time.Now().Add(-time.Duration(since))
			}
			stats, err := h.Stats(root, from, flags.limit)
			if err := errors.Join(err, h.Close()); err != nil {
				return err
			}
			if flags.format == "json" {
				return e.printJSON(stats)
			}
			return report.Stats(e.stdout, stats, report.PlanOptions{Color: e.colored(e.stdout)})
		},
	}
	flags.register(cmd, 10)
	cmd.Flags().Var(&since, "since", "of the last `PERIOD`: 12h, 30d")
	return cmd
}

// period is a length of time on the command line: as Go writes it, or in days.
type period time.Duration

func (p *period) String() string {
	if *p == 0 {
		return ""
	}
	return time.Duration(*p).String()
}

func (p *period) Type() string { return "PERIOD" }

// Set takes 90m, 12h, 30d.
func (p *period) Set(text string) error {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n float64
		if n, err = strconv.ParseFloat(days, 64); err == nil {
			d = time.Duration(n * 24 * float64(time.Hour))
		}
	}
	if err != nil || d <= 0 {
		return errors.New("write a length of time, such as 12h or 30d")
	}
	*p = period(d)
	return nil
}
