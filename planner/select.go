package planner

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/stowage-build/stowage/schema"
)

// Select turns what is named on the command line into package names, sorted.
// An argument is a package's name (base, app["api"]), a block's name (app:
// all instances), a glob over names, @GROUP, or a directory beginning with
// "." or "/" or containing a slash, relative to dir, itself relative to the
// workspace root: every package declared in or below it. No arguments select
// everything. An argument that selects nothing is an error.
func (r *Resolved) Select(args []string, dir string) ([]string, error) {
	if len(args) == 0 {
		return r.names(), nil
	}
	chosen := map[string]bool{}
	for _, arg := range args {
		found, err := r.selectOne(arg, dir, nil)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			chosen[name] = true
		}
	}
	return sortedKeys(chosen), nil
}

// WithDependents adds to names every package that depends on one of them.
func (r *Resolved) WithDependents(names []string) []string {
	all := append(r.Graph.Dependents(names...), names...)
	slices.Sort(all)
	return slices.Compact(all)
}

func (r *Resolved) names() []string {
	names := make([]string, len(r.Packages))
	for i, p := range r.Packages {
		names[i] = p.Name
	}
	return names
}

// selectOne resolves one argument; within holds the groups being expanded.
func (r *Resolved) selectOne(arg, dir string, within []string) ([]string, error) {
	switch {
	case strings.HasPrefix(arg, "@"):
		return r.selectGroup(arg[1:], dir, within)
	case r.byName[arg] != nil:
		return []string{arg}, nil
	case isDirectory(arg):
		return r.selectDirectory(arg, dir)
	}
	if _, err := matchName(arg, ""); err != nil {
		return nil, fmt.Errorf("select %q: bad glob: %w", arg, err)
	}
	var found []string
	for _, p := range r.Packages {
		match, _ := matchName(arg, p.Name)
		if match || p.Declaration.Block == arg {
			found = append(found, p.Name)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no package is called %q%s; stowage list prints them all", arg, suggestion(arg, r.names()))
	}
	return found, nil
}

func (r *Resolved) selectGroup(name, dir string, within []string) ([]string, error) {
	i := slices.IndexFunc(r.Workspace.Groups, func(g *schema.Group) bool { return g.Name == name })
	if i < 0 {
		var names []string
		for _, g := range r.Workspace.Groups {
			names = append(names, g.Name)
		}
		return nil, fmt.Errorf("no group is called %q%s", name, suggestion(name, names))
	}
	if slices.Contains(within, name) {
		return nil, fmt.Errorf("group %q contains itself: %s", name, strings.Join(append(within, name), " → "))
	}
	var found []string
	for _, member := range r.Workspace.Groups[i].Packages {
		more, err := r.selectOne(member, dir, append(within, name))
		if err != nil {
			return nil, fmt.Errorf("group %q: %w", name, err)
		}
		found = append(found, more...)
	}
	return found, nil
}

// selectDirectory selects the packages that are declared in or below a directory,
// or have their context there.
func (r *Resolved) selectDirectory(arg, dir string) ([]string, error) {
	at := path.Join(dir, arg)
	if strings.HasPrefix(arg, "/") {
		at = path.Clean(strings.TrimPrefix(arg, "/"))
	}
	if at == ".." || strings.HasPrefix(at, "../") {
		return nil, fmt.Errorf("select %q: outside the workspace", arg)
	}
	var found []string
	below := func(dir string) bool {
		dir = path.Clean(dir)
		return at == "." || dir == at || strings.HasPrefix(dir, at+"/")
	}
	for _, p := range r.Packages {
		if below(p.Declaration.Dir) || below(p.Context) {
			found = append(found, p.Name)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("select %q: no package is declared, or has its context, in or below %s", arg, at)
	}
	return found, nil
}

func isDirectory(arg string) bool {
	return arg == "." || arg == ".." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "../") ||
		(strings.Contains(arg, "/") && !strings.Contains(arg, "["))
}

// matchName matches a package's name with a glob in which the brackets of an
// instance's key are literal, and a slash in it is a character like others:
// app["*"] selects every instance of app.
func matchName(glob, name string) (bool, error) {
	literal := strings.NewReplacer("[", "\\[", "]", "\\]", "/", "\x00")
	return path.Match(literal.Replace(glob), strings.ReplaceAll(name, "/", "\x00"))
}

// suggestion is "; did you mean X?" for the nearest name, if one is near.
func suggestion(name string, known []string) string {
	best, distance := "", 4
	for _, k := range known {
		if d := levenshtein.Distance(name, k, nil); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
