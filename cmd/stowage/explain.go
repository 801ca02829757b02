package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/planner"
)

func explainCommand(e *env) *cobra.Command {
	var format string
	var offline bool
	cmd := &cobra.Command{
		Use:   "explain PACKAGE [HASH1 [HASH2]]",
		Short: "List every input of a package's hash, or what differs between two hashes",
		Long: `List everything that decides a package's result, each input with its digest:
this list, and nothing else, is what is hashed.

With two hashes, list what differs between them; with one, between it and what
the package has now. Hashes are of builds that this machine, the store or the
registry remembers; 12 digits are enough, for those in the registry 40. With
cache_mode = "git-tree" the registry is searched by tree ids, which are its tags.`,
		Example: `  stowage explain app
  stowage explain app --format json
  stowage explain app 2f7c1a9be04d
  stowage explain app 2f7c1a9be04d 8810c3d5a6f7`,
		Args:              cobra.RangeArgs(1, 3),
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
			p, err := onePackage(cmd, ws, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return e.printInputs(p, format)
			}
			compared := [2]*planner.Inputs{nil, p.Inputs}
			for i, hash := range args[1:] {
				if compared[i], err = ws.Inputs(cmd.Context(), p, hash, offline); err != nil {
					return err
				}
			}
			return e.printDifferences(p, compared[0], compared[1], format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "output as text or json")
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no registry")
	return cmd
}

// onePackage returns the package that arg selects, which must be one.
func onePackage(cmd *cobra.Command, ws *stowage.Workspace, arg string) (*planner.Package, error) {
	names, err := ws.Select(cmd.Context(), []string{arg}, "", false)
	if err != nil {
		return nil, err
	}
	if len(names) != 1 {
		return nil, fmt.Errorf("%q is %d packages; %s takes one", arg, len(names), cmd.Name())
	}
	r, err := ws.Resolve(cmd.Context())
	if err != nil {
		return nil, err
	}
	return r.Package(names[0]), nil
}

func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (e *env) printInputs(p *planner.Package, format string) error {
	if format == "json" {
		return e.printJSON(p.Inputs)
	}
	fmt.Fprintf(e.stdout, "%s\nhash %s\n\n", p.Ref(), p.Hash)
	t := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, in := range p.Inputs.List {
		fmt.Fprintf(t, "%s\t%s\n", in.Digest, in.Label(p.Context))
	}
	return t.Flush()
}

// differences are what explain prints of two hashes, as JSON.
type differences struct {
	Package     string               `json:"package"`
	Old         string               `json:"old"`
	New         string               `json:"new"`
	Differences []planner.Difference `json:"differences"`
}

func (e *env) printDifferences(p *planner.Package, old, now *planner.Inputs, format string) error {
	d := differences{Package: p.Name, Old: old.Hash, New: now.Hash, Differences: planner.Differences(old.List, now.List)}
	if format == "json" {
		if d.Differences == nil {
			d.Differences = []planner.Difference{}
		}
		return e.printJSON(d)
	}
	fmt.Fprintf(e.stdout, "%s\nfrom %s\nto   %s\n\n", p.Name, d.Old, d.New)
	if len(d.Differences) == 0 {
		fmt.Fprintln(e.stdout, "The inputs are the same.")
	}
	for _, diff := range d.Differences {
		sign := "~"
		switch {
		case diff.Old == nil:
			sign = "+"
		case diff.Now == nil:
			sign = "-"
		}
		fmt.Fprintf(e.stdout, "%s %s\n", sign, diff.Input().Label(p.Context))
	}
	return nil
}
