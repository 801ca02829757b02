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
	found := survey(l.env.fsys, patterns)
	l.add(found.diags...)
	l.env.known = found.known
	return l.read(found.config)
}

func noMember(p located) *hcl.Diagnostic {
	if strings.ContainsAny(p.text, "*?[{") {
		return warningAt(p.rng, "No such member", "%q matches no directory with a %s.", p.text, fileNative)
	}
	return errorAt(p.rng, "No such member", "There is no %s or %s in the directory %q.", fileNative, fileJSON, p.text)
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
// variable values. It evaluates only what names the members. files has those
// that were read for that, by name, for excerpts.
func ConfigFiles(fsys fs.FS) (names []string, files map[string]*hcl.File, diags hcl.Diagnostics) {
	l := newLoader(fsys, Options{})
	names = configIn(fsys, ".")
	if _, ok := l.readRoot(); !ok {
		return names, l.files, arrange(l.diags)
	}
	var patterns []located
	if l.root != nil {
		patterns = l.root.members
	}
	found := survey(fsys, patterns)
	l.add(found.diags...)
	names = append(names, found.config...)
	if auto, err := fs.Glob(fsys, "*.stowage.hclvars"); err == nil {
		slices.Sort(auto)
		names = append(names, auto...)
	}
	return names, l.files, arrange(l.diags)
}
