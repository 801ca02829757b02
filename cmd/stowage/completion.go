package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report/ci"
	"github.com/stowage-build/stowage/planner"
)

// fixedValues are the words that a flag takes, none where it takes others too. A
// command that takes fewer says so when it is run.
func fixedValues(cmd *cobra.Command, flag string) []string {
	switch flag {
	case "progress":
		return []string{"auto", "tty", "plain", "json", "quiet"}
	case "color":
		return []string{"auto", "always", "never"}
	case "schedule":
		return []string{string(executor.ScheduleEager), string(executor.ScheduleWaves)}
	case "split":
		return []string{string(ci.ByGraph), string(ci.ByWaves)}
	case "allow":
		return []string{"network.host", "security.insecure"}
	case "from":
		return []string{string(stowage.FromLinuxKit), string(stowage.FromBake), string(stowage.FromDir)}
	case "output":
		if cmd.Name() == "export" { // a file
			return nil
		}
		return []string{stowage.OutputStore, planner.OutputRegistry}
	case "format":
		return formats(cmd)
	}
	return nil
}

// formats are what a command prints.
func formats(cmd *cobra.Command) []string {
	switch cmd.Name() {
	case "plan", "show":
		return planFormats()
	case "graph":
		return []string{"dot", "mermaid"}
	case "export":
		return []string{stowage.FormatOCI, stowage.FormatDocker}
	}
	return []string{"text", "json"}
}

// addCompletions makes shells complete the values of flags, of all commands.
func (e *env) addCompletions(cmd *cobra.Command) {
	add := func(f *pflag.Flag) {
		var complete cobra.CompletionFunc
		fixed := fixedValues(cmd, f.Name)
		switch {
		case fixed != nil:
			complete = cobra.FixedCompletions(fixed, cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "platform" || f.Name == "skip-platform":
			complete = e.completePlatforms
		case f.Name == "package":
			complete = e.completePackages
		case f.Name == "builder":
			complete = e.completeEndpoints
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
				shell.Long = bashLong
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

// bashLong is the help of completion bash.
const bashLong = `Generate the autocompletion script for the bash shell.

The package bash-completion loads the script when it is first needed, from a file
as below. Without the package, have ~/.bashrc load it:

	source <(stowage completion bash)

You will need to start a new shell for this setup to take effect.`

// bashWords finds the words up to the cursor as the package bash-completion does,
// which the library's script needs for that: =, : and @ do not part them.
const bashWords = `    local i word line=${COMP_LINE:0:COMP_POINT}
    words=() cword=-1
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${line#"${line%%[![:blank:]]*}"}
        ((i == COMP_CWORD)) || word=${COMP_WORDS[i]}
        if ((cword >= 0)) && [[ $line == [![:blank:]]* && ($word == [=:@]* || ${words[cword]} == *[=:@]) ]]; then
            words[cword]+=$word
        else
            words[++cword]=$word
        fi
        line=${line#"${line%%[![:blank:]]*}"}
        line=${line#"$word"}
    done
    cur=${words[cword]}
`

// bashCompletion is the library's script for bash. That inserts what several
// names have in common as it is, and so the quote of svc["a"] and svc["b"], which
// bash then takes for the beginning of a string; here it is escaped. And it needs
// no package.
func bashCompletion(root *cobra.Command, descriptions bool) ([]byte, error) {
	out := &bytes.Buffer{}
	if err := root.GenBashCompletionV2(out, descriptions); err != nil {
		return nil, err
	}
	script := out.String()
	for _, change := range [][2]string{
		{"    _get_comp_words_by_ref \"$@\" cur prev words cword\n", bashWords},
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
