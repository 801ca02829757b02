package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func indexCommand(e *env) *cobra.Command {
	var format string
	var opts stowage.IndexOptions
	var at moment
	cmd := &cobra.Command{
		Use:   "index PACKAGE…",
		Short: "Put indexes together from per-platform tags that other machines pushed",
		Long: `Write, in the registry, the index of each package from the images under its
per-platform tags, TAG-ARCH: machines that build one platform each push them
with stowage apply --push --no-index --platform PLATFORM.

Every platform of the package must be there, or those of --platform. What the
index has already stays, unless --force takes what is under the per-platform
tags instead.`,
		Example: `  stowage apply --push --no-index --platform linux/arm64   # on each machine
  stowage index app @tools                                 # once, at the end`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: e.completePackages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			ws, err := e.openAt(cmd.Context(), time.Time(at))
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
			indexes, err := ws.AssembleIndexes(cmd.Context(), names, opts)
			return errors.Join(err, e.printIndexes(indexes, format))
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	cmd.Flags().StringSliceVar(&opts.Platforms, "platform", nil, "only these `PLATFORMS`, comma-separated")
	cmd.Flags().StringSliceVar(&opts.SkipPlatforms, "skip-platform", nil, "not these `PLATFORMS`, comma-separated")
	cmd.Flags().BoolVar(&opts.Force, "force", false, "replace what the index has by what is under per-platform tags")
	cmd.Flags().Var(&at, "at", "as if it were `TIME`: decides which refresh periods have begun")
	return cmd
}

// printIndexes prints the indexes that were written.
func (e *env) printIndexes(indexes []stowage.AssembledIndex, format string) error {
	written := []stowage.AssembledIndex{}
	for _, i := range indexes {
		if i.Digest != "" {
			written = append(written, i)
		}
	}
	if format == "json" {
		return e.printJSON(written)
	}
	for _, i := range written {
		if _, err := fmt.Fprintf(e.stdout, "%s@%s\n", i.Ref, i.Digest); err != nil {
			return err
		}
	}
	return nil
}
