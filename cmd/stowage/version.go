package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func versionCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  stowage version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version
			if v == "" {
				v = stowage.Version()
			}
			fmt.Fprintf(e.stdout, "stowage %s\nbuildkit %s\n%s %s/%s\n", v, stowage.BuildKitVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
