package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func explainCommand(e *env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain PACKAGE",
		Short: "List every input of a package's hash",
		Long: `List everything that decides a package's result, each input with its digest:
this list, and nothing else, is what is hashed.`,
		Example:           "  stowage explain app\n  stowage explain app --format json",
		Args:              cobra.ExactArgs(1),
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
			names, err := ws.Select(cmd.Context(), args, "", false)
			if err != nil {
				return err
			}
			if len(names) != 1 {
				return fmt.Errorf("%q is %d packages; explain takes one", args[0], len(names))
			}
			r, err := ws.Resolve(cmd.Context())
			if err != nil {
				return err
			}
			p := r.Package(names[0])
			if format == "json" {
				enc := json.NewEncoder(e.stdout)
				enc.SetEscapeHTML(false)
				enc.SetIndent("", "  ")
				return enc.Encode(p.Inputs)
			}
			fmt.Fprintf(e.stdout, "%s\nhash %s\n\n", p.Ref(), p.Hash)
			t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
			for _, in := range p.Inputs.List {
				fmt.Fprintf(t, "%s\t%s\n", in.Digest, in.Label(p.Context))
			}
			return t.Flush()
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	return cmd
}
