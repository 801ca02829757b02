package stowage

import (
	"context"
	"io"

	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/planner"
)

// WritePlanPage writes a plan of this workspace as an HTML page, with the
// inputs of its packages.
func (w *Workspace) WritePlanPage(ctx context.Context, out io.Writer, plan *planner.Plan) error {
	r, err := w.Resolve(ctx)
	if err != nil {
		return err
	}
	return web.Plan(out, plan, w.pageDetails(r))
}

// pageDetails are what pages tell beyond the plan.
func (w *Workspace) pageDetails(r *planner.Resolved) web.Details {
	return web.Details{
		Inputs: func(name string) []web.Input {
			p := r.Package(name)
			if p == nil {
				return nil
			}
			var inputs []web.Input
			for _, in := range p.Inputs.List {
				inputs = append(inputs, web.Input{Kind: in.Kind, Label: in.Label(p.Context), Digest: in.Digest})
			}
			return inputs
		},
		Past: w.past,
	}
}
