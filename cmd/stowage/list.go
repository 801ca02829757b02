package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage/planner"
)

func listCommand(e *env) *cobra.Command {
	var format string
	var withDependents bool
	cmd := &cobra.Command{
		Use:               "list [PACKAGE…]",
		Short:             "Print packages and their references",
		Long:              "Print each package's name and reference, separated by a tab, or as JSON.",
		Example:           "  stowage list\n  stowage list @tools --format json",
		ValidArgsFunction: e.completePackages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("--format", format, "text", "json"); err != nil {
				return err
			}
			ws, err := e.open(cmd.Context())
			if err != nil {
				return err
			}
			defer ws.Close()
			dir, err := e.selectionDir(ws)
			if err != nil {
				return err
			}
			names, err := ws.Select(cmd.Context(), args, dir, withDependents)
			if err != nil {
				return err
			}
			r, err := ws.Resolve(cmd.Context())
			if err != nil {
				return err
			}
			return e.printList(r, names, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	cmd.Flags().BoolVar(&withDependents, "with-dependents", false, "also the packages that depend on those selected")
	return cmd
}

func (e *env) printList(r *planner.Resolved, names []string, format string) error {
	infos := []planner.PackageInfo{}
	for _, name := range names {
		infos = append(infos, r.Package(name).Info())
	}
	if format == "json" {
		enc := json.NewEncoder(e.stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(infos)
	}
	for _, p := range infos {
		fmt.Fprintf(e.stdout, "%s\t%s\n", p.Name, p.Ref)
	}
	return nil
}
