package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// newRoot assembles the command tree.
func newRoot(e *env) *cobra.Command {
	root := &cobra.Command{
		Use:   "stowage",
		Short: "Plan and build a monorepo's whole set of container images",
		Long: `Stowage plans and builds a monorepo's whole set of container images.

Packages are declared in stowage.hcl files. stowage plan says which images must
be built and why; stowage apply builds them, and nothing else.`,
		Example: `  stowage init --from dir         # a first stowage.hcl, from Dockerfiles that are here
  stowage plan
  stowage apply --push`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if err := e.checkFlags(); err != nil {
				return err
			}
			return e.profiles.start()
		},
	}
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	f := root.PersistentFlags()
	f.StringVarP(&e.dir, "chdir", "C", ".", "run as if started in `DIR`")
	f.StringArrayVar(&e.vars, "var", nil, "set a variable, `NAME=VALUE`; may be repeated")
	f.StringArrayVar(&e.varFiles, "var-file", nil, "read variables from `FILE`; may be repeated")
	f.StringArrayVar(&e.argFiles, "build-arg-file", nil, "read build arguments from `FILE`, NAME=VALUE a line, for the packages that declare them; may be repeated")
	f.StringArrayVar(&e.set, "set", nil, "set an attribute of packages, `PACKAGE.ATTRIBUTE[.KEY]=VALUE`, over what the configuration says: app.args.MODE=fast, '*.platforms=linux/arm64', 'app[\"api\"].target=debug'; may be repeated")
	f.StringVar(&e.store, "store", "", "keep images in `DIR` (default: STOWAGE_STORE, or stowage in the user cache directory)")
	f.StringVar(&e.progress, "progress", "auto", "progress of a run: auto, tty, plain, json or quiet")
	f.StringVar(&e.color, "color", "auto", "colours: auto, always or never")
	e.profiles.addFlags(f)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(
		planCommand(e), applyCommand(e), showCommand(e), validateCommand(e), fmtCommand(e),
		listCommand(e), graphCommand(e), explainCommand(e), lockCommand(e), indexCommand(e), storeCommand(e), builderCommand(e),
		initCommand(e), historyCommand(e), statsCommand(e),
		versionCommand(e),
	)
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Example = "  stowage help apply\n  stowage help store gc"
		}
	}
	e.addCompletions(root)
	setUpCompletion(root)
	showUsage(root)
	return root
}

// showUsage has errors about the number of arguments say how the command is
// used.
func showUsage(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		showUsage(sub)
	}
	if check := cmd.Args; check != nil && !cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return fmt.Errorf("%s: %w\nUsage: %s", cmd.CommandPath(), err, cmd.UseLine())
			}
			return nil
		}
	}
}

func (e *env) checkFlags() error {
	if err := oneOf("--progress", e.progress, "auto", "tty", "plain", "json", "quiet"); err != nil {
		return err
	}
	return oneOf("--color", e.color, "auto", "always", "never")
}

// oneOf refuses a flag's value that is none of allowed.
func oneOf(flag, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s %q: use one of %s", flag, value, strings.Join(allowed, ", "))
}

// orList is "text, json or html".
func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
