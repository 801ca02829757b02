package importer

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// configFile is the name of the files that are written.
const configFile = "stowage.hcl"

// maxMembers is how many directories the root lists; with more of them, all
// directories count.
const maxMembers = 12

// workspace is the configuration being made.
type workspace struct {
	opts      Options
	documents map[string]*document // by path
	notes     notes
	unset     unsetVariables
}

func newWorkspace(opts Options) *workspace {
	return &workspace{opts: opts, documents: map[string]*document{}}
}

// why tells what was noted, for those who get nothing else.
func (w *workspace) why() string {
	var b strings.Builder
	for _, n := range w.notes.sorted() {
		b.WriteString("\n  " + n.String())
	}
	return b.String()
}

// document returns the configuration file of a directory.
func (w *workspace) document(dir string) *document {
	name := path.Join(dir, configFile)
	d := w.documents[name]
	if d == nil {
		d = &document{path: name}
		w.documents[name] = d
	}
	return d
}

// addRoot puts the workspace block first, what else belongs to the root,
// and the variables of ARGs without a value.
func (w *workspace) addRoot(registry string, platforms []string, more ...*node) {
	b := block("workspace", "", position{}, attribute("name", quote(blockName(w.opts.Name)), position{}))
	if registry != "" {
		b.add(attribute("registry", registry, position{}))
	}
	if len(platforms) > 0 {
		b.add(attribute("platforms", quoted(platforms), position{}))
	}
	if members := w.members(); len(members) > 0 {
		b.add(attribute("members", quoted(members), position{}))
	}
	root := w.document(".")
	root.blocks = slices.Concat([]*node{b}, more, w.unset.blocks(), root.blocks)
}

// members are globs for the directories that have documents, so that loading
// need not walk the whole tree; nil when that is simpler.
func (w *workspace) members() []string {
	globs := map[string]bool{}
	for name := range w.documents {
		if dir := path.Dir(name); dir != "." {
			globs[path.Join(path.Dir(dir), "*")] = true
		}
	}
	if len(globs) == 0 || len(globs) > maxMembers {
		return nil
	}
	return slices.Sorted(maps.Keys(globs))
}

// inRoot makes a path that is relative to dir, or absolute, relative to the
// root. It is false for what is outside.
func (w *workspace) inRoot(dir, name string) (string, bool) {
	if path.IsAbs(name) {
		rel, ok := strings.CutPrefix(path.Clean(name), strings.TrimSuffix(w.opts.RootPath, "/")+"/")
		return rel, ok && w.opts.RootPath != ""
	}
	full := path.Join(dir, name)
	return full, full != ".." && !strings.HasPrefix(full, "../")
}

// registryOf is the longest common prefix of repositories that ends before a
// slash, and a function that cuts it off. Each repository keeps a name.
func registryOf(repositories []string) (string, func(string) string) {
	prefix := ""
	for i, r := range repositories {
		dir := path.Dir(r)
		if i == 0 {
			prefix = dir
		}
		for prefix != "." && dir != prefix && !strings.HasPrefix(dir, prefix+"/") {
			prefix = path.Dir(prefix)
		}
	}
	if prefix == "." || prefix == "" {
		return "", func(r string) string { return r }
	}
	return prefix, func(r string) string { return strings.TrimPrefix(r, prefix+"/") }
}

// commonest is the value that most have, the first of those that as many have.
func commonest(values []string) string {
	count := map[string]int{}
	best := ""
	for _, v := range values {
		count[v]++
	}
	for _, v := range values {
		if count[v] > count[best] {
			best = v
		}
	}
	return best
}
