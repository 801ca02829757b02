package importer

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/stowage-build/stowage/planner"
)

// unsetArg is an ARG that builds are given on the command line.
type unsetArg struct {
	name     string
	variable *unsetVariable
	at       position
}

// unsetVariable is the variable that stands for such an ARG.
type unsetVariable struct {
	name, arg, value string
	at               position
}

// unsetVariables are those of the workspace.
type unsetVariables struct {
	all   []*unsetVariable
	names nameSet
}

// unsetHost begins image names that nobody has: names below .invalid do not
// exist (RFC 2606), so that a build fails instead of taking something else.
const unsetHost = "unset.invalid/"

// of returns the variable for an ARG that is used as value.
func (u *unsetVariables) of(arg, value string, at position) *unsetVariable {
	for _, v := range u.all {
		if v.arg == arg && v.value == value {
			return v
		}
	}
	if u.names == nil {
		u.names = nameSet{}
	}
	v := &unsetVariable{u.names.take(arg), arg, value, at}
	u.all = append(u.all, v)
	return v
}

// blocks declares the variables.
func (u *unsetVariables) blocks() []*node {
	var out []*node
	for _, v := range u.all {
		out = append(out, block("variable", v.name, v.at,
			attribute("type", "string", v.at), attribute("default", quote(v.value), v.at),
			attribute("description", quote(fmt.Sprintf("ARG %s, which builds were given on the command line.", v.arg)), v.at)))
	}
	return out
}

// analyze reads the Dockerfile of a package. ARGs that image names need and
// that have no value get one from a variable, here and in opts.Args.
func (w *workspace) analyze(name, file string, content []byte, opts planner.AnalyzeOptions) (*planner.Dockerfile, []unsetArg, error) {
	var unset []unsetArg
	for {
		found, err := w.opts.Dockerfiles.Analyze(content, opts)
		if err == nil {
			return found, unset, nil
		}
		at, _ := dockerfileMistake(file, err)
		names := unsetIn(content, at.line, opts.Args)
		if len(names) == 0 {
			return nil, nil, err
		}
		for _, arg := range slices.Sorted(maps.Keys(names)) {
			v := w.unset.of(arg, names[arg], at)
			unset = append(unset, unsetArg{arg, v, at})
			opts.Args[arg] = names[arg]
			w.notes.add(at, "ARG %s has no value in the repository: package %s takes it from variable %s, and cannot be built before that is set (--var %s=…, or the argument in the package)", arg, name, v.name, v.name)
		}
	}
}

var argInText = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))`)

// unsetIn finds the ARGs in a line of a Dockerfile that are declared without a
// value and not given one, each with a value that no image has.
func unsetIn(content []byte, line int, given map[string]string) map[string]string {
	lines := strings.Split(string(content), "\n")
	if line < 1 || line > len(lines) {
		return nil
	}
	empty := emptyArgs(content)
	out := map[string]string{}
	for _, word := range strings.Fields(lines[line-1]) {
		for _, m := range argInText.FindAllStringSubmatch(word, -1) {
			name := m[1] + m[2]
			if _, ok := given[name]; ok || !empty[name] {
				continue
			}
			out[name] = "unset"
			if m[0] == word {
				out[name] = unsetHost + strings.ToLower(name)
			}
		}
	}
	return out
}

// emptyArgs are the ARGs before the first FROM that have no default.
func emptyArgs(content []byte) map[string]bool {
	parsed, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil // it is reported as what it is
	}
	_, before, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil
	}
	out := map[string]bool{}
	for _, c := range before {
		for _, a := range c.Args {
			if a.Value == nil || *a.Value == "" {
				out[a.Key] = true
			}
		}
	}
	return out
}
