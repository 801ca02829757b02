package schema

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
)

// surveyed is what a look at the directories below the root has found.
type surveyed struct {
	// config are the members' configuration files, sorted: those in
	// directories that match one of the patterns, or all when there are none.
	config []string
	// known are the types of paths that are asked for later: directories, and
	// regular files that are configuration or probably Dockerfiles.
	known map[string]fs.FileMode
	diags hcl.Diagnostics
}

// survey looks at every directory that is, or can lie above, a member, level by
// level on all processors. Symbolic links to directories are not followed.
func survey(fsys fs.FS, patterns []located) surveyed {
	out := surveyed{known: map[string]fs.FileMode{}}
	matched := make([]bool, len(patterns))
	for level := []string{"."}; len(level) > 0; {
		looks := make([]look, len(level))
		parallel(len(level), func(i int) { looks[i] = lookInto(fsys, level[i], patterns) })
		var below []string
		for i, dir := range level {
			err := looks[i].err
			if errors.Is(err, fs.ErrNotExist) && dir != "." {
				continue // removed since it was listed, as a build's directories are
			}
			if err != nil {
				out.diags = append(out.diags, errorAt(outside(dir), "Cannot read directory", "%s: %s.", dir, cause(err)))
				continue
			}
			out.known[dir] = fs.ModeDir
			for _, name := range looks[i].regular {
				out.known[name] = 0
			}
			if len(looks[i].config) > 0 && isMember(patterns, matched, dir) {
				out.config = append(out.config, looks[i].config...)
			}
			below = append(below, looks[i].below...)
		}
		level = below
	}
	for i, p := range patterns {
		if !matched[i] {
			out.diags = append(out.diags, noMember(p))
		}
	}
	slices.Sort(out.config)
	return out
}

// look is what one directory has: paths of configuration files, of regular
// files worth knowing, and of directories to look into.
type look struct {
	config, regular, below []string
	err                    error
}

func lookInto(fsys fs.FS, dir string, patterns []located) look {
	entries, err := fs.ReadDir(fsys, dir)
	l := look{err: err}
	for _, e := range entries {
		name := e.Name()
		config := name == fileNative || name == fileJSON
		switch {
		case e.IsDir():
			if below := path.Join(dir, name); !skipped(name) && mayContain(patterns, below) {
				l.below = append(l.below, below)
			}
			continue
		case config:
			l.config = append(l.config, path.Join(dir, name))
		}
		if e.Type().IsRegular() && (config || strings.HasPrefix(name, "Dockerfile")) {
			l.regular = append(l.regular, path.Join(dir, name))
		}
	}
	return l
}

// typeOf is the type of a file or directory, symlinks followed.
func (env *environment) typeOf(name string) (fs.FileMode, error) {
	if mode, ok := env.known[name]; ok {
		return mode, nil
	}
	info, err := fs.Stat(env.fsys, name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

// isMember reports whether a directory is a member and notes the patterns
// that say so. The root's own files have been read.
func isMember(patterns []located, matched []bool, dir string) bool {
	member := patterns == nil && dir != "."
	for i, p := range patterns {
		if ok, err := doublestar.Match(path.Clean(p.text), dir); err == nil && ok {
			matched[i] = true
			member = dir != "."
		}
	}
	return member
}
