package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func builderUsageCommand(e *env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "du [BUILDER…]",
		Short: "Say what the builders' caches take",
		Long: `Say what the caches of the builders take on their disks, by kind: of those
named, or of all. An embedded builder that does not run is left out.`,
		Example:           "  stowage builder du\n  stowage builder du arm --format json",
		ValidArgsFunction: e.completeBuilders,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			return e.caches(cmd, format, func(ws *stowage.Workspace, opts stowage.Options) ([]stowage.BuilderUsage, error) {
				return stowage.BuilderCaches(cmd.Context(), ws, opts, names)
			})
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json, which lists every record")
	return cmd
}

func builderPruneCommand(e *env) *cobra.Command {
	var format, keep string
	var what stowage.PruneOptions
	cmd := &cobra.Command{
		Use:   "prune [BUILDER…]",
		Short: "Remove from the builders' caches",
		Long: `Remove from the caches of the builders what no build uses at the moment, and say
what was removed: of those named, or of all. An embedded builder that does not
run is left out. Images in the store and in registries stay.`,
		Example:           "  stowage builder prune\n  stowage builder prune arm --keep 20GB --older 168h",
		ValidArgsFunction: e.completeBuilders,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			if keep != "" {
				size, err := parseSize(keep)
				if err != nil || size <= 0 {
					return fmt.Errorf("--keep %q: write a size above zero such as 500MB, 20GB or 1.5GiB", keep)
				}
				what.Keep = size
			}
			return e.caches(cmd, format, func(ws *stowage.Workspace, opts stowage.Options) ([]stowage.BuilderUsage, error) {
				return stowage.PruneBuilders(cmd.Context(), ws, opts, names, what)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", "text", "output as text or json, which lists every record")
	f.StringVar(&keep, "keep", "", "keep `SIZE` of each cache, for example 500MB or 20GiB: what was used last")
	f.DurationVar(&what.Older, "older", 0*time.Second, "remove only what has not been used for `DURATION`, for example 168h")
	f.BoolVar(&what.All, "all", false, "also what BuildKit keeps for itself, such as frontends")
	return cmd
}

// caches prints what do finds. A builder that could not be asked is an error
// after the others have been printed.
func (e *env) caches(cmd *cobra.Command, format string, do func(*stowage.Workspace, stowage.Options) ([]stowage.BuilderUsage, error)) error {
	usages := []stowage.BuilderUsage{}
	err := e.withBuilders(cmd, func(ws *stowage.Workspace, opts stowage.Options) error {
		found, err := do(ws, opts)
		usages = append(usages, found...)
		return err
	})
	if err != nil {
		return err
	}
	if format == "json" {
		err = e.printJSON(usages)
	} else {
		err = e.printUsages(usages)
	}
	for _, u := range usages {
		if u.Error != "" {
			err = errors.Join(err, fmt.Errorf("builder %s: %s", u.Name, u.Error))
		}
	}
	return err
}

// printUsages sums records up by kind.
func (e *env) printUsages(usages []stowage.BuilderUsage) error {
	t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BUILDER\tKIND\tRECORDS\tIN USE\tSIZE")
	for _, u := range usages {
		records, used, sizes := map[string]int{}, map[string]int{}, map[string]int64{}
		for _, r := range u.Records {
			for _, kind := range []string{r.Type, "total"} {
				records[kind]++
				sizes[kind] += r.Size
				if r.InUse {
					used[kind]++
				}
			}
		}
		for _, kind := range append(slices.DeleteFunc(slices.Sorted(maps.Keys(records)), func(k string) bool { return k == "total" }), "total") {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\n", u.Name, kind, records[kind], used[kind], units.HumanSize(float64(sizes[kind])))
		}
	}
	return t.Flush()
}
