package stowage

import (
	"context"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fleet"
	"github.com/stowage-build/stowage/planner"
)

// Simulate schedules a plan over the workspace's builders without building,
// or asking the builders, anything. How many stand behind a host's name, or a
// selector of pods, is looked up unless the plan was made offline.
func (w *Workspace) Simulate(ctx context.Context, plan *planner.Plan, opts executor.SimulateOptions) (*executor.Simulation, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	options, err := w.opts.fleet(w.root, w.config, nil)
	if err != nil {
		return nil, err
	}
	builders := w.opts.Builders
	var notes []string
	if len(builders) == 0 {
		builders, notes = fleet.Expected(ctx, options, w.resolveOptions().HostPlatform, plan.Options["offline"] != true)
	}
	if opts.Placements == nil {
		opts.Placements = w.history
	}
	specs := &executor.ResolvedSpecs{Resolved: r, Secret: w.secret, Allow: []string{"network.host", "security.insecure"}}
	simulation, err := executor.Simulate(plan, specs, builders, opts)
	if err == nil {
		simulation.Notes = notes
	}
	return simulation, err
}
