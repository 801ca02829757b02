package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func storePullCommand(e *env) *cobra.Command {
	var all bool
	var format string
	cmd := &cobra.Command{
		Use:   "pull [REF…]",
		Short: "Copy the images that are locked into the store",
		Long: `Copy the images that stowage.lock.hcl pins into the store, by their digests, so
that builds need no registry for them: all that packages use, or those named by
REF, such as alpine, alpine:3.20 or docker.io/library/alpine:3.20. Without REF
the images of archive blocks, which are pinned by themselves, are copied too.

Only the platforms that packages need are copied, unless --all-platforms is
given; the digest of the image is the same either way. The mirrors of a registry
block are asked before the registry itself.`,
		Example:           "  stowage store pull\n  stowage store pull alpine --all-platforms",
		ValidArgsFunction: e.completeLocked,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			ws, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer ws.Close()
			images, err := ws.PullLocked(cmd.Context(), stowage.PullOptions{References: args, AllPlatforms: all})
			if err != nil {
				return err
			}
			if format == "json" {
				return e.printJSON(images)
			}
			return e.printPulled(images)
		},
	}
	cmd.Flags().BoolVar(&all, "all-platforms", false, "copy the platforms that no package needs, too")
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}

func (e *env) printPulled(images []stowage.PulledImage) error {
	present := 0
	for _, i := range images {
		did := "pulled "
		if i.Present {
			did = "present"
			present++
		}
		fmt.Fprintf(e.stdout, "%s  %s  %s (%s)\n", did, i.Name, i.Digest, strings.Join(i.Platforms, ", "))
	}
	_, err := fmt.Fprintf(e.stdout, "Pull: %d pulled, %d present.\n", len(images)-present, present)
	return err
}
