package main

import (
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage/internal/report"
)

func graphCommand(e *env) *cobra.Command {
	var format string
	var nodes bool
	cmd := &cobra.Command{
		Use:   "graph [PACKAGE…]",
		Short: "Print the dependency graph",
		Long: `Print the graph of the selected packages and all that they depend on, in the
language of Graphviz or of Mermaid. Edges point from a package to what it
needs.`,
		Example:           "  stowage graph | dot -Tsvg -o graph.svg\n  stowage graph --format mermaid app\n  stowage graph --nodes",
		ValidArgsFunction: e.completePackages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "dot", "mermaid"); err != nil {
				return err
			}
			ws, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer ws.Close()
			dir, err := e.selectionDir(ws)
			if err != nil {
				return err
			}
			names, err := ws.Select(cmd.Context(), args, dir, false)
			if err != nil {
				return err
			}
			r, err := ws.Resolve(cmd.Context())
			if err != nil {
				return err
			}
			g := r.Graph
			if nodes {
				g, names = r.Nodes, r.NodesOf(names)
			}
			if format == "mermaid" {
				return report.Mermaid(e.stdout, g, names)
			}
			return report.Dot(e.stdout, g, names)
		},
	}
	cmd.Flags().StringVar(&format, "format", "dot", "output for dot or mermaid")
	cmd.Flags().BoolVar(&nodes, "nodes", false, "package and platform instead of packages")
	return cmd
}
