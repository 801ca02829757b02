package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func validateCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check the configuration, the Dockerfiles and the edges between packages",
		Long: `Check everything that can be checked without asking what exists: the
configuration, the files it names, the Dockerfiles, and the edges between
packages. All mistakes are reported at once. No registry and no builder is
needed.`,
		Example: "  stowage validate\n  stowage -C services validate",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ws, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer ws.Close()
			r, err := ws.Resolve(cmd.Context())
			if err != nil {
				return err
			}
			fmt.Fprintf(e.stdout, "Valid: %d packages, %d nodes.\n", len(r.Packages), len(r.Nodes.Nodes()))
			return nil
		},
	}
}
