package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// simulateFlags are the flags of plan that are about simulation.
type simulateFlags struct {
	on        bool
	durations []string
	jobs      int
	schedule  string
}

func (f *simulateFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "simulate", false, "say how long the plan would take on the builders, and how well they would be used")
	flags.StringArrayVar(&f.durations, "simulate-duration", nil,
		"with --simulate, builds never recorded take `DURATION` (default 1m), or those of a package PACKAGE[:PLATFORM]=DURATION whatever was recorded; may be repeated")
	flags.IntVar(&f.jobs, "simulate-jobs", 0, "with --simulate, do at most `N` things at once (default: as many as the builders have slots for)")
	flags.StringVar(&f.schedule, "simulate-schedule", "eager", "with --simulate, as apply's --schedule: eager or waves")
}

// check refuses flags that mean nothing without, or beside, others.
func (f *simulateFlags) check(cmd *cobra.Command, format string) error {
	for _, name := range []string{"simulate-duration", "simulate-jobs", "simulate-schedule"} {
		if !f.on && cmd.Flags().Changed(name) {
			return fmt.Errorf("--%s is about a simulation; use it with --simulate", name)
		}
	}
	if !f.on {
		return nil
	}
	if cmd.Flags().Changed("since") {
		return errors.New("--simulate is about what there is to do, --since about what has changed; use one of them")
	}
	if err := oneOf("--simulate-schedule", f.schedule, "eager", "waves"); err != nil {
		return err
	}
	if err := oneOf("--format", format, "text", "json"); err != nil {
		return fmt.Errorf("%w with --simulate", err)
	}
	_, err := f.options()
	return err
}

// options reads the durations.
func (f *simulateFlags) options() (executor.SimulateOptions, error) {
	opts := executor.SimulateOptions{Jobs: f.jobs, Schedule: executor.Schedule(f.schedule)}
	given := map[string]time.Duration{}
	for _, text := range f.durations {
		name, value := "", text
		if i := strings.LastIndex(text, "="); i >= 0 {
			name, value = text[:i], text[i+1:]
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return opts, fmt.Errorf("--simulate-duration %q: write 90s or PACKAGE=1m30s", text)
		}
		if name == "" {
			opts.Unknown = d
			continue
		}
		given[name] = d
	}
	opts.Given = func(pkg, platform string) (time.Duration, bool) {
		if d, ok := given[planner.NodeID(pkg, platform)]; ok {
			return d, true
		}
		d, ok := given[pkg]
		return d, ok
	}
	return opts, nil
}

// simulate prints how long a plan would take.
func (e *env) simulate(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, flags simulateFlags, format string) error {
	opts, err := flags.options()
	if err != nil {
		return err
	}
	s, err := ws.Simulate(ctx, plan, opts)
	if err != nil {
		return err
	}
	if format == "text" {
		return report.Simulation(e.stdout, s)
	}
	content, err := s.Marshal()
	if err == nil {
		_, err = e.stdout.Write(content)
	}
	return err
}
