package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

// validateFlags are those of stowage validate.
type validateFlags struct {
	check    bool
	offline  bool
	format   string
	builders []string
	config   string
}

func validateCommand(e *env) *cobra.Command {
	var flags validateFlags
	cmd := &cobra.Command{
		Use:   "validate [PACKAGE…]",
		Short: "Check the configuration, the Dockerfiles and the edges between packages",
		Long: `Check everything that can be checked without asking what exists: the
configuration, the files it names, the Dockerfiles, and the edges between
packages. All mistakes are reported at once. No registry and no builder is
needed.

With --check, have a builder check the Dockerfiles of the selected packages, or
of all, by the rules of their frontends, as docker build --check does, and print
what it says of all of them. Nothing is built; an image of the workspace that
does not exist yet counts as empty. The exit code is 1 when a Dockerfile cannot
be built, or has warnings and wants them to be errors ("# check=error=true").`,
		Example: `  stowage validate
  stowage -C services validate
  stowage validate --check
  stowage validate --check app @tools --format json`,
		ValidArgsFunction: e.completePackages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.verify(args); err != nil {
				return err
			}
			return e.validate(cmd, args, flags)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&flags.check, "check", false, "have a builder check the Dockerfiles")
	f.StringVar(&flags.format, "format", "text", "with --check, output as text or json")
	f.BoolVar(&flags.offline, "offline", false, "with --check, ask no registry for the workspace's images")
	f.StringArrayVar(&flags.builders, "builder", nil, "with --check, ask the BuildKit at `ENDPOINT`")
	e.registerBuilderConfig(cmd, &flags.config)
	return cmd
}

func (f *validateFlags) verify(args []string) error {
	if err := oneOf("--format", f.format, "text", "json"); err != nil {
		return err
	}
	if !f.check && (len(args) > 0 || len(f.builders) > 0 || f.offline || f.config != "" || f.format != "text") {
		return errors.New("the configuration is checked as a whole, by no builder; PACKAGE, --format, --offline, --builder and --builder-config go with --check")
	}
	return nil
}

func (e *env) validate(cmd *cobra.Command, args []string, flags validateFlags) error {
	opts, err := e.options()
	if err != nil {
		return err
	}
	opts.Endpoints, opts.BuilderConfig = flags.builders, e.optionalPath(flags.config)
	ws, err := e.openWith(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer ws.Close()
	if !flags.check {
		r, err := ws.Resolve(cmd.Context())
		if err != nil {
			return err
		}
		e.printDiagnostics(r.TreeWarnings(), ws.Config().Files)
		fmt.Fprintf(e.stdout, "Valid: %d packages, %d nodes.\n", len(r.Packages), len(r.Nodes.Nodes()))
		return nil
	}
	dir, err := e.selectionDir(ws)
	if err != nil {
		return err
	}
	checked, err := ws.Check(cmd.Context(), stowage.CheckOptions{
		Packages: args, Dir: dir, Offline: flags.offline,
		Waiting: e.waiting("builder"),
	})
	if err != nil {
		return err
	}
	return e.printChecks(checked, flags.format)
}

// printChecks prints what is said of Dockerfiles.
func (e *env) printChecks(checked []stowage.CheckedPackage, format string) error {
	warnings, bad := 0, 0
	for _, c := range checked {
		warnings += len(c.Warnings)
		if c.Error != nil {
			bad++
		}
		if format == "text" {
			e.printDockerfileCheck(c)
		}
	}
	if format == "json" {
		if err := e.printJSON(checked); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(e.stdout, "Checked: %d packages, %d warnings, %d errors.\n", len(checked), warnings, bad)
	}
	if bad > 0 {
		return errFailed
	}
	return nil
}

func (e *env) printDockerfileCheck(c stowage.CheckedPackage) {
	where := func(line int) string {
		file := c.Dockerfile
		if file == "" {
			file = "its inline Dockerfile"
		}
		if line > 0 {
			return fmt.Sprintf("%s:%d", file, line)
		}
		return file
	}
	excerpt := func(text string) {
		if text != "" {
			fmt.Fprintln(e.stdout, text)
		}
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(e.stdout, "Warning: %s: %s: %s\n%s", c.Package, where(w.Line), w.Rule, w.Detail)
		if w.URL != "" {
			fmt.Fprintf(e.stdout, " (%s)", w.URL)
		}
		fmt.Fprintln(e.stdout)
		excerpt(w.Excerpt)
		fmt.Fprintln(e.stdout)
	}
	if c.Error != nil {
		fmt.Fprintf(e.stdout, "Error: %s: %s: %s\n", c.Package, where(c.Error.Line), c.Error.Message)
		excerpt(c.Error.Excerpt)
		fmt.Fprintln(e.stdout)
	}
}
