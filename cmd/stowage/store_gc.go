package main

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
)

// localStore opens the store without a workspace, for what changes it.
func (e *env) localStore() (*stowage.LocalStore, error) {
	store, err := stowage.OpenStore(e.storeDir())
	if err != nil {
		return nil, err
	}
	return store, e.warnOfDamage(store)
}

func storeRemoveCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "rm REF…",
		Short: "Remove images from the store",
		Long: `Remove images from the store's index, with what is attached to them. The space
that they take is free after stowage store gc. When a REF matches nothing,
nothing is removed.`,
		Example:           "  stowage store rm ghcr.io/acme/app:v1\n  stowage store rm '*:dev-*' && stowage store gc",
		ValidArgsFunction: e.completeRefs,
		Args:              cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := e.localStore()
			if err != nil {
				return err
			}
			defer store.Close()
			refs, err := store.Remove(cmd.Context(), args)
			for _, ref := range refs {
				fmt.Fprintln(e.stdout, ref)
			}
			return err
		},
	}
}

// collectFlags are the flags of store gc.
type collectFlags struct {
	olderThan string
	maxSize   string
	keepLast  int
	dryRun    bool
	format    string
}

func storeCollectCommand(e *env) *cobra.Command {
	var flags collectFlags
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free the space of what nobody needs",
		Long: `Remove blobs that no image in the store needs, artifacts about images that are
gone, and what processes that died left half written. With limits, remove images
first:

  --older-than DURATION   those that no run has looked up or written for so long
  --max-size SIZE         those that were not used for longest, until what is
                          left has that size
  --keep-last N           the N of each repository that were used last stay,
                          whatever the other limits say; alone, all others go

It may run at any time: what a running stowage has looked up, found or written
stays until that ends. Images that are in use in spite of a limit are listed.`,
		Example: `  stowage store gc
  stowage store gc --older-than 30d --keep-last 3
  stowage store gc --max-size 20GB --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := flags.options(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			store, err := e.localStore()
			if err != nil {
				return err
			}
			defer store.Close()
			done, err := store.Collect(cmd.Context(), opts)
			if err != nil {
				return err
			}
			if opts.MaxSize > 0 && done.Left > opts.MaxSize {
				fmt.Fprintf(e.stderr, "Note: the store has %s still: what is left is in use, or kept by --keep-last.\n", report.Bytes(done.Left))
			}
			if flags.format == "json" {
				return e.printJSON(done)
			}
			return printCollected(e.stdout, done)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.olderThan, "older-than", "", "remove images not used for `DURATION`, for example 30d or 12h")
	f.StringVar(&flags.maxSize, "max-size", "", "remove images until the store has `SIZE`, for example 500MB or 20GiB")
	f.IntVar(&flags.keepLast, "keep-last", 0, "keep the `N` images of each repository used last")
	f.BoolVar(&flags.dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	f.StringVar(&flags.format, "format", "text", "output as text or json")
	return cmd
}

func (f collectFlags) options(given func(string) bool) (opts stowage.CollectOptions, err error) {
	opts = stowage.CollectOptions{KeepLast: f.keepLast, DryRun: f.dryRun}
	if err := oneOf("--format", f.format, "text", "json"); err != nil {
		return opts, err
	}
	if given("keep-last") && f.keepLast < 1 {
		return opts, fmt.Errorf("--keep-last %d: keep 1 or more; stowage store rm '*' removes all images", f.keepLast)
	}
	if given("older-than") {
		if opts.OlderThan, err = parseAge(f.olderThan); err != nil {
			return opts, fmt.Errorf("--older-than %q: write a duration above zero such as 30d, 12h or 90m", f.olderThan)
		}
	}
	if given("max-size") {
		if opts.MaxSize, err = parseSize(f.maxSize); err != nil || opts.MaxSize < 1 {
			return opts, fmt.Errorf("--max-size %q: write a size above zero such as 500MB, 20GB or 1.5GiB", f.maxSize)
		}
	}
	return opts, nil
}

// parseAge reads a duration of Go's, or a number of days.
func parseAge(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	d, err := time.ParseDuration(s)
	if days, found := strings.CutSuffix(s, "d"); found {
		var n float64
		if n, err = strconv.ParseFloat(days, 64); err == nil && n*float64(day) < math.MaxInt64 {
			d = time.Duration(n * float64(day))
		}
	}
	if err == nil && d <= 0 {
		err = strconv.ErrRange
	}
	return d, err
}

// parseSize reads bytes: 20GB, or 20GiB in powers of two.
func parseSize(s string) (int64, error) {
	if strings.ContainsAny(s, "iI") {
		return units.RAMInBytes(s)
	}
	return units.FromHumanSize(s)
}

func printCollected(w io.Writer, c *stowage.Collected) error {
	removed, summary := "removed", "Collected"
	if c.DryRun {
		removed, summary = "would remove", "Would collect"
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, image := range c.Images {
		used := "its index is lost"
		if !image.Used.IsZero() {
			used = "used " + image.Used.Local().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s\t%s\t%s (%s)\n", removed, image.Ref, used, image.Why)
	}
	for _, ref := range c.InUse {
		fmt.Fprintf(t, "in use\t%s\t\n", ref)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%s: %d images, %d lists of artifacts, %d blobs (%s), %d leftovers; %s left.\n",
		summary, len(c.Images), c.Artifacts, c.Blobs, report.Bytes(c.Bytes), c.Leftovers, report.Bytes(c.Left))
	return err
}
