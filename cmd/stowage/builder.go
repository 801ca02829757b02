package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/docker/go-units"
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

func builderCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "builder",
		Short: "Look at the builders, start and stop the embedded one",
		Long: `Without a builder block, --builder or BUILDKIT_HOST, Stowage builds with its own
BuildKit. It is started when it is needed, shared by all runs on one store, and
stops by itself when no run uses it.`,
		Example: "  stowage builder ls\n  stowage builder logs",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(builderListCommand(e), builderStartCommand(e), builderStopCommand(e), builderRestartCommand(e), builderLogsCommand(e), builderUsageCommand(e), builderPruneCommand(e))
	return cmd
}

func builderListCommand(e *env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the builders that apply would use, and their state",
		Long: `List the builders that apply would use: their state, how many builds they take
at once (SLOTS), how many instructions they run now, whoever builds (LOAD), and
the size of their cache.

An endpoint whose host name has several addresses, and kube-pod:// with a
selector, are several builders. None is started.`,
		Example: "  stowage builder ls\n  stowage builder ls --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			var builders []stowage.BuilderStatus
			err := e.withBuilders(cmd, func(ws *stowage.Workspace, opts stowage.Options) (err error) {
				builders, err = stowage.Builders(cmd.Context(), ws, opts)
				return err
			})
			if err != nil {
				return err
			}
			if format == "json" {
				return e.printJSON(builders)
			}
			return e.printBuilders(builders)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}

func (e *env) printBuilders(builders []stowage.BuilderStatus) error {
	t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tENDPOINT\tSTATE\tSLOTS\tLOAD\tCACHE\tVERSION\tPLATFORMS")
	for _, b := range builders {
		load, cache := "-", "-"
		if b.Running >= 0 {
			load, cache = strconv.Itoa(b.Running), units.HumanSize(float64(b.Cache))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", b.Name, b.Endpoint, b.State, b.Slots, load, cache, b.Version, strings.Join(b.Platforms, ","))
	}
	return t.Flush()
}

// withBuilders calls do with the workspace, or, outside of one, with nil.
func (e *env) withBuilders(cmd *cobra.Command, do func(*stowage.Workspace, stowage.Options) error) error {
	opts, err := e.options()
	if err != nil {
		return err
	}
	if _, err := stowage.FindRoot(e.dir); err != nil {
		return do(nil, opts)
	}
	ws, err := stowage.Open(cmd.Context(), e.dir, opts)
	if err != nil {
		return err
	}
	defer ws.Close()
	return do(ws, opts)
}

func builderStartCommand(e *env) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start the embedded builder",
		Long: `Start the embedded builder, if it is not running, and print its endpoint. It
stops again by itself when it is not used.`,
		Example: "  stowage builder start\n  stowage builder start --builder-config buildkitd.toml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.startBuilder(cmd, config)
		},
	}
	e.registerBuilderConfig(cmd, &config)
	return cmd
}

func builderRestartCommand(e *env) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:     "restart",
		Short:   "Stop the embedded builder and start it",
		Long:    "Stop the embedded builder and start it again. Builds that are running lose it: their apply starts it again and begins them anew. Its cache stays.",
		Example: "  stowage builder restart --builder-config buildkitd.toml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := e.options()
			if err != nil {
				return err
			}
			if err := stowage.StopBuilder(cmd.Context(), opts); err != nil {
				return err
			}
			return e.startBuilder(cmd, config)
		},
	}
	e.registerBuilderConfig(cmd, &config)
	return cmd
}

func (e *env) startBuilder(cmd *cobra.Command, config string) error {
	opts, err := e.options()
	if err != nil {
		return err
	}
	opts.BuilderConfig = e.optionalPath(config)
	endpoint, err := stowage.StartBuilder(cmd.Context(), opts)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(e.stdout, endpoint)
	return err
}

// registerBuilderConfig registers the flag of commands that start the embedded
// builder.
func (e *env) registerBuilderConfig(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "builder-config", "", "start the embedded builder with BuildKit's configuration `FILE`, a buildkitd.toml (default: STOWAGE_BUILDER_CONFIG)")
}

// optionalPath is path, for a flag that may not be given.
func (e *env) optionalPath(p string) string {
	if p == "" {
		return ""
	}
	return e.path(p)
}

func builderStopCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the embedded builder",
		Long:    "Stop the embedded builder. Builds that are running lose it: their apply starts it again and begins them anew. Its cache stays.",
		Example: "  stowage builder stop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := e.options()
			if err != nil {
				return err
			}
			return stowage.StopBuilder(cmd.Context(), opts)
		},
	}
}

func builderLogsCommand(e *env) *cobra.Command {
	return &cobra.Command{
		Use:     "logs",
		Short:   "Print the embedded builder's log",
		Example: "  stowage builder logs",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			opts, err := e.options()
			if err != nil {
				return err
			}
			f, err := os.Open(stowage.BuilderLog(opts))
			if os.IsNotExist(err) {
				return fmt.Errorf("the embedded builder has not been started on this store, so it has no log")
			}
			if err != nil {
				return fmt.Errorf("read the builder's log: %w", err)
			}
			defer f.Close()
			_, err = io.Copy(e.stdout, f)
			return err
		},
	}
}
