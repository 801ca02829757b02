package schema

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
)

// The names of configuration files.
const (
	fileNative = "stowage.hcl"
	fileJSON   = "stowage.hcl.json"
)

// IsConfigFile reports whether a file of that base name is Stowage's own
// configuration. What it says reaches images as evaluated, so that the file
// itself belongs to no source set.
func IsConfigFile(name string) bool {
	switch name {
	case fileNative, fileJSON, "stowage.lock.hcl":
		return true
	}
	return strings.HasSuffix(name, ".stowage.hclvars")
}

// skipped are directories that are never looked into for members.
func skipped(name string) bool { return name == ".git" || name == "node_modules" }

// readRoot reads the root's files and the workspace block. It returns false
// when there is no use in going on.
func (l *loader) readRoot() ([]*file, bool) {
	names := configIn(l.env.fsys, ".")
	if len(names) == 0 {
		l.add(errorAt(outside(fileNative), "No workspace here", "There is no %s or %s in the root directory. Write one with a workspace block, or run \"stowage init\".", fileNative, fileJSON))
		return nil, false
	}
	files := l.read(names)
	l.root = l.findRoot(files)
	if l.root == nil {
		if !l.env.incomplete {
			l.add(errorAt(pointRange(names[0], 1, 1, 0), "No workspace block", "The root %s has a workspace block: workspace { name = \"…\" }", names[0]))
		}
		return files, true
	}
	return files, l.checkVersion()
}

// configIn lists the configuration files of a directory.
func configIn(fsys fs.FS, dir string) []string {
	var names []string
	for _, base := range []string{fileNative, fileJSON} {
		name := path.Join(dir, base)
		if _, err := fs.Stat(fsys, name); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// readMembers reads the files of all members.
func (l *loader) readMembers() []*file {
	var patterns []located
	if l.root != nil {
		patterns = l.root.members
	}
	names, diags := memberFiles(l.env.fsys, patterns)
	l.add(diags...)
	return l.read(names)
}

// memberFiles finds the configuration files below the root, sorted: those in
// directories that match one of the patterns, or all when patterns is nil.
// Symbolic links to directories are not followed.
func memberFiles(fsys fs.FS, patterns []located) ([]string, hcl.Diagnostics) {
	var names []string
	var diags hcl.Diagnostics
	matched := make([]bool, len(patterns))
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			diags = append(diags, errorAt(outside(p), "Cannot read directory", "%s: %s.", p, cause(err)))
			return fs.SkipDir
		case d.IsDir() && p != "." && (skipped(d.Name()) || !mayContain(patterns, p)):
			return fs.SkipDir
		case !d.IsDir() && (d.Name() == fileNative || d.Name() == fileJSON) && isMember(patterns, matched, path.Dir(p)):
			names = append(names, p)
		}
		return nil
	})
	if err != nil {
		diags = append(diags, errorAt(outside("."), "Cannot read directory", "%s.", cause(err)))
	}
	for i, p := range patterns {
		if !matched[i] {
			diags = append(diags, noMember(p))
		}
	}
	slices.Sort(names)
	return names, diags
}

func noMember(p located) *hcl.Diagnostic {
	if strings.ContainsAny(p.text, "*?[{") {
		return warningAt(p.rng, "No such member", "%q matches no directory with a %s.", p.text, fileNative)
	}
	return errorAt(p.rng, "No such member", "There is no %s or %s in the directory %q.", fileNative, fileJSON, p.text)
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

// mayContain reports whether a directory is, or can lie above, a member.
func mayContain(patterns []located, dir string) bool {
	return patterns == nil || slices.ContainsFunc(patterns, func(p located) bool {
		return mayLeadTo(strings.Split(path.Clean(p.text), "/"), strings.Split(dir, "/"))
	})
}

func mayLeadTo(pattern, dir []string) bool {
	for i, name := range dir {
		switch {
		case i >= len(pattern):
			return false
		case strings.Contains(pattern[i], "**") || strings.ContainsAny(pattern[i], "{}"):
			return true // alternatives may have slashes in them
		}
		if ok, err := doublestar.Match(pattern[i], name); err != nil || !ok {
			return false
		}
	}
	return true
}

// ConfigFiles lists the workspace's own configuration files in the order in
// which they are read: the root's, the members', then the root's files of
// variable values. It evaluates only what names the members.
func ConfigFiles(fsys fs.FS) ([]string, hcl.Diagnostics) {
	l := newLoader(fsys, Options{})
	names := configIn(fsys, ".")
	if _, ok := l.readRoot(); !ok {
		return names, arrange(l.diags)
	}
	var patterns []located
	if l.root != nil {
		patterns = l.root.members
	}
	members, diags := memberFiles(fsys, patterns)
	l.add(diags...)
	names = append(names, members...)
	if auto, err := fs.Glob(fsys, "*.stowage.hclvars"); err == nil {
		slices.Sort(auto)
		names = append(names, auto...)
	}
	return names, arrange(l.diags)
}
