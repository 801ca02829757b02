package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// writeOutputs writes the packages' outputs and says which.
func (e *env) writeOutputs(ctx context.Context, ws *stowage.Workspace, plan *planner.Plan, result *executor.Result) error {
	written, err := ws.WriteOutputs(ctx, plan, result)
	for _, o := range written {
		path := o.Path
		if rel, err := filepath.Rel(ws.Root(), path); err == nil && !strings.HasPrefix(rel, "..") {
			path = rel
		}
		fmt.Fprintf(e.stderr, "Output of %s: %s (%s, %s)\n", o.Package, path, o.Type, strings.Join(o.Platforms, ", "))
	}
	return err
}
