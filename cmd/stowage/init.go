package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
)

// initFlags are those of stowage init.
type initFlags struct {
	from   string
	force  bool
	dryRun bool
}

func initCommand(e *env) *cobra.Command {
	var flags initFlags
	cmd := &cobra.Command{
		Use:   "init [PATH…]",
		Short: "Write a configuration for what is here, or from another system's files",
		Long: `Write the configuration of a workspace whose root is the current directory, or
that of -C.

--from linuxkit [DIR…] reads every build.yml and build-*.yml at or below DIR: a
stowage.hcl in the directory of each, and one with the workspace in the root.
Tags are the ones that linuxkit pkg show-tag prints for what is committed, so
that images which are published already are used.

--from bake [FILE…] reads bake files, in HCL and JSON, and the build sections of
Compose files; without FILE, those that docker buildx bake reads by itself. The
directory is to be the one that bake is run in.

--from dir [DIR…] makes a package of every Dockerfile at or below DIR, named by
its directory. Image names that end in a package's name become edges where they
have the registry that most of them have.

What cannot be carried over is listed on standard error, with file and line.
Files are written only where there are none, or with --force; running it again
changes nothing.`,
		Example: `  stowage init --from linuxkit pkg tools
  stowage init --from linuxkit --dry-run
  stowage init --from bake docker-bake.hcl
  stowage init --from dir services`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--from", flags.from, string(stowage.FromLinuxKit), string(stowage.FromBake), string(stowage.FromDir)); err != nil {
				return err
			}
			imported, err := stowage.Import(cmd.Context(), e.dir, stowage.ImportKind(flags.from), args)
			switch {
			case err != nil && !cmd.Flags().Changed("from"):
				return fmt.Errorf("%w; --from bake reads bake files, --from dir makes a package of each Dockerfile", err)
			case err != nil:
				return err
			}
			return e.writeImported(imported, flags)
		},
	}
	cmd.Flags().StringVar(&flags.from, "from", "linuxkit", "what to read: linuxkit, bake or dir")
	cmd.Flags().BoolVar(&flags.force, "force", false, "write over files that have other content")
	cmd.Flags().BoolVar(&flags.dryRun, "dry-run", false, "print what would be written, and write nothing")
	return cmd
}

// writeImported writes the files, or prints them, and says what is to be known
// about them.
func (e *env) writeImported(imported *stowage.Imported, flags initFlags) error {
	for _, n := range imported.Notes {
		fmt.Fprintln(e.stderr, n)
	}
	if flags.dryRun {
		for _, f := range imported.Files {
			fmt.Fprintf(e.stdout, "-- %s --\n%s", f.Path, f.Content)
		}
		return nil
	}
	written, err := imported.Write(flags.force)
	for _, name := range written {
		fmt.Fprintln(e.stdout, name)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stderr, "%d of %d files written. Next: stowage validate, then stowage plan.\n", len(written), len(imported.Files))
	return nil
}
