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
	if a.syntax != "" || a.triggersDeclare() {
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
				maps.DeleteFunc(names, func(name string, _ bool) bool { return mentions(*arg.Value, name) })
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// fromArgs are the arguments declared before the first FROM whose values may
// reach a name or a platform in FROM, by the defaults of others too.
func (f *file) fromArgs() []string {
	var reach []string
	note := func(word string) {
		for _, cmd := range f.globals {
			for _, arg := range cmd.Args {
				if mentions(word, arg.Key) && !slices.Contains(reach, arg.Key) {
					reach = append(reach, arg.Key)
				}
			}
		}
	}
	for _, st := range f.stages {
		note(st.BaseName)
		note(st.Platform)
	}
	for i := 0; i < len(reach); i++ { // it grows
		for _, cmd := range f.globals {
			for _, arg := range cmd.Args {
				if arg.Key == reach[i] && arg.Value != nil {
					note(*arg.Value)
				}
			}
		}
	}
	slices.Sort(reach)
	return reach
}

// mentions reports whether a word may be made of an argument's value. In what
// is only used if another argument is not set, it counts too.
func mentions(word, name string) bool { return strings.Contains(word, name) }

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
