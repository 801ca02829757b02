package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage/planner"
)

func showCommand(e *env) *cobra.Command {
	var format planFormat
	cmd := &cobra.Command{
		Use:     "show PLAN",
		Short:   "Print a saved plan",
		Long:    "Print a plan that stowage plan --out saved. It needs no workspace.",
		Example: "  stowage show plan.json\n  stowage show --format json plan.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.check(); err != nil {
				return err
			}
			plan, err := e.readPlan(args[0])
			if err != nil {
				return err
			}
			return e.printPlan(cmd.Context(), nil, plan, format)
		},
	}
	format.register(cmd)
	return cmd
}

// readPlan reads a saved plan.
func (e *env) readPlan(path string) (*planner.Plan, error) {
	content, err := os.ReadFile(e.path(path))
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	plan, err := planner.UnmarshalSaved(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return plan, nil
}
