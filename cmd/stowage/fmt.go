package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/moby/sys/atomicwriter"
	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/schema"
)

func fmtCommand(e *env) *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "fmt [FILE…]",
		Short: "Rewrite configuration files in the canonical format",
		Long: `Rewrite the workspace's configuration files, or the files named, in the
canonical format, and print the names of those that changed. With --check
nothing is written, and the exit code is 1 when a file would change.`,
		Example: "  stowage fmt\n  stowage fmt --check",
		RunE: func(_ *cobra.Command, args []string) error {
			root, files, err := e.formatted(args)
			if err != nil {
				return err
			}
			changed := 0
			for _, name := range files {
				did, err := e.formatFile(root, name, check)
				if err != nil {
					return err
				}
				if did {
					changed++
				}
			}
			if check && changed > 0 {
				return fmt.Errorf("%d of %d files are not formatted; run stowage fmt", changed, len(files))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 when a file would change")
	return cmd
}

// formatted returns the files to format, relative to a root.
func (e *env) formatted(args []string) (root string, files []string, err error) {
	if len(args) > 0 {
		return e.dir, args, nil
	}
	root, err = stowage.FindRoot(e.dir)
	if err != nil {
		return "", nil, err
	}
	tree, err := os.OpenRoot(root)
	if err != nil {
		return "", nil, err
	}
	defer tree.Close()
	files, read, diags := schema.ConfigFiles(tree.FS())
	if diags.HasErrors() {
		return "", nil, &stowage.DiagnosticsError{Diagnostics: diags, Files: read}
	}
	return root, files, nil
}

// formatFile formats one file and reports whether it was not formatted.
func (e *env) formatFile(root, name string, check bool) (bool, error) {
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(root, name)
	}
	info, err := os.Stat(path)
	if err != nil {
		return false, fmt.Errorf("format: %w", err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return false, fmt.Errorf("format: %w", err)
	}
	after, diags := schema.Format(before, name)
	if diags.HasErrors() {
		return false, &stowage.DiagnosticsError{Diagnostics: diags, Files: map[string]*hcl.File{name: {Bytes: before}}}
	}
	if bytes.Equal(before, after) {
		return false, nil
	}
	fmt.Fprintln(e.stdout, name)
	if check {
		return true, nil
	}
	if err := atomicwriter.WriteFile(path, after, info.Mode().Perm()); err != nil {
		return true, fmt.Errorf("format %s: %w", path, err)
	}
	return true, nil
}
