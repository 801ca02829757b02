package dockerfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// nameArgs are the arguments that are declared before the first FROM only, and
// so reach nothing but the names and platforms in FROM: stages do not see them
// (see "Understand how ARG and FROM interact" in the Dockerfile reference).
// Those that the default of another one is made of may reach further, and so
// may all when another frontend reads the Dockerfile, or when an ONBUILD
// instruction declares arguments.
func (a *analysis) nameArgs(f *file) []string {
	if f.syntax != "" || a.triggersDeclare() {
		return nil
	}
	names := map[string]bool{}
	for _, cmd := range f.globals {
		for _, arg := range cmd.Args {
			names[arg.Key] = true
		}
	}
	for _, st := range f.stages {
		for _, c := range st.Commands {
			if arg, ok := c.(*instructions.ArgCommand); ok {
				for _, kv := range arg.Args {
					delete(names, kv.Key)
				}
			}
		}
	}
	for _, cmd := range f.globals {
		for _, arg := range cmd.Args {
			if arg.Value != nil {
				a.forgetUsed(names, *arg.Value)
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// forgetUsed removes the names that a default is made of: all of them if that
// cannot be found out.
func (a *analysis) forgetUsed(names map[string]bool, value string) {
	known := environment{}
	for name := range names {
		known[name] = "x"
	}
	result, err := a.lex.ProcessWordWithMatches(value, known)
	if err != nil {
		clear(names)
		return
	}
	for name := range result.Matched {
		delete(names, name)
	}
}

// triggersDeclare reports whether an ONBUILD instruction that is known, of a
// base image or of the Dockerfile's own stages, declares an argument.
func (a *analysis) triggersDeclare() bool {
	for _, s := range a.stages {
		if slices.ContainsFunc(s.onBuild(), declares) {
			return true
		}
	}
	for _, triggers := range a.triggers {
		if slices.ContainsFunc(triggers, declares) {
			return true
		}
	}
	return false
}

func declares(trigger string) bool {
	parsed, err := parser.Parse(strings.NewReader(trigger))
	if err != nil || len(parsed.AST.Children) == 0 {
		return true
	}
	return strings.EqualFold(parsed.AST.Children[0].Value, "arg")
}
