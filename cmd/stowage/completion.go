package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/planner"
)

// completed are the flags whose values are of a few words, by name. A command
// that takes fewer says so when it is run.
func completed() map[string][]string {
	return map[string][]string{
		"progress": {"auto", "tty", "plain", "json", "quiet"},
		"color":    {"auto", "always", "never"},
		"schedule": {"eager", "waves"},
		"split":    {"graph", "waves"},
		"allow":    {"network.host", "security.insecure"},
	}
}

// addCompletions makes shells complete the values of flags, of all commands.
func (e *env) addCompletions(cmd *cobra.Command) {
	words := completed()
	add := func(f *pflag.Flag) {
		var complete cobra.CompletionFunc
		switch {
		case words[f.Name] != nil:
			complete = cobra.FixedCompletions(words[f.Name], cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "platform" || f.Name == "skip-platform":
			complete = e.completePlatforms
		case f.Name == "package":
			complete = e.completePackages
		case f.Name == "format" && (cmd.Name() == "plan" || cmd.Name() == "show"):
			complete = cobra.FixedCompletions(planFormats(), cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "format" && cmd.Name() != "graph":
			complete = cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp)
		default:
			return
		}
		// The error is about a flag that has a function already: it keeps it.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	}
	cmd.LocalFlags().VisitAll(add)
	for _, sub := range cmd.Commands() {
		e.addCompletions(sub)
	}
}

// forCompletion opens the workspace and resolves it, which says what its
// packages are. Mistakes in it are no reason to complete nothing else.
func (e *env) forCompletion(ctx context.Context, use func(*stowage.Workspace, *planner.Resolved)) {
	opts, err := e.options()
	if err != nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	ws, err := stowage.Open(ctx, e.dir, opts)
	if err != nil {
		return
	}
	defer ws.Close()
	r, err := ws.Resolve(ctx)
	if err != nil {
		r = nil
	}
	use(ws, r)
}

// completePackages completes the names of packages and groups. Where a package
// has mistakes, names of blocks stand for those of packages.
func (e *env) completePackages(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	e.forCompletion(cmd.Context(), func(ws *stowage.Workspace, r *planner.Resolved) {
		if r != nil {
			for _, p := range r.Packages {
				names = append(names, cobra.CompletionWithDesc(p.Name, p.Context))
			}
		} else {
			for _, d := range ws.Config().Packages {
				names = append(names, d.Name)
			}
		}
		for _, g := range ws.Config().Groups {
			names = append(names, cobra.CompletionWithDesc("@"+g.Name, "group"))
		}
	})
	return names, cobra.ShellCompDirectiveDefault
}

// completePlatforms completes the platforms of the workspace's packages.
func (e *env) completePlatforms(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	set := map[string]bool{}
	e.forCompletion(cmd.Context(), func(_ *stowage.Workspace, r *planner.Resolved) {
		if r == nil {
			return
		}
		for _, p := range r.Packages {
			for _, platform := range p.Platforms {
				set[platform] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(set)), cobra.ShellCompDirectiveNoFileComp
}

// setUpCompletion makes the command that prints completion scripts: the
// library's, with examples, and with names that have to be escaped in bash.
func setUpCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd("completion") // or it makes none for want of an argument
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Example = "  source <(stowage completion bash)"
		for _, shell := range cmd.Commands() {
			shell.Example = completionExample(shell.Name())
			if shell.Name() == "bash" {
				shell.RunE = func(cmd *cobra.Command, _ []string) error {
					plain, err := cmd.Flags().GetBool("no-descriptions")
					if err != nil {
						return err
					}
					script, err := bashCompletion(root, !plain)
					if err == nil {
						_, err = cmd.OutOrStdout().Write(script)
					}
					return err
				}
			}
		}
	}
}

func completionExample(shell string) string {
	switch shell {
	case "bash":
		return "  stowage completion bash > ~/.local/share/bash-completion/completions/stowage"
	case "zsh":
		return `  stowage completion zsh > "${fpath[1]}/_stowage"`
	case "fish":
		return "  stowage completion fish > ~/.config/fish/completions/stowage.fish"
	}
	return "  stowage completion " + shell + " | Out-String | Invoke-Expression"
}

// bashCompletion is the library's script for bash. That inserts what several
// names have in common as it is, and so the quote of svc["a"] and svc["b"], which
// bash then takes for the beginning of a string; here it is escaped.
func bashCompletion(root *cobra.Command, descriptions bool) ([]byte, error) {
	out := &bytes.Buffer{}
	if err := root.GenBashCompletionV2(out, descriptions); err != nil {
		return nil, err
	}
	script := out.String()
	for _, change := range [][2]string{
		{`        COMPREPLY+=("$compline")` + "\n", `        COMPREPLY+=("$comp${compline#"${compline%%$tab*}"}")` + "\n"},
		{`        comp=${compline%%$tab*}` + "\n", ""},
		{`COMPREPLY[0]=$(printf "%q" "${COMPREPLY[0]%%$tab*}")`, `COMPREPLY[0]=${COMPREPLY[0]%%$tab*}`},
		{`IFS=$'\n' read -ra COMPREPLY -d '' < <(IFS=$'\n'; compgen -W "${completions[*]}" -- "${cur}")

        # compgen looses the escaping so, if`, `COMPREPLY=()
        local comp
        for comp in "${completions[@]}"; do
            [[ $comp == "$cur"* ]] && COMPREPLY+=("$comp")
        done
        return 0

        # compgen looses the escaping so, if`},
	} {
		if strings.Count(script, change[0]) != 1 {
			return nil, fmt.Errorf("make the script for bash: the library's has no line %q", change[0])
		}
		script = strings.Replace(script, change[0], change[1], 1)
	}
	return []byte(script), nil
}
