package importer

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty/function"
)

// bakeFiles are the files that docker buildx bake reads when it is given none,
// in its order.
var bakeFiles = []string{
	"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
	"docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl",
}

// Bake imports the targets of docker buildx bake from files, which are relative
// to the root: HCL, JSON and Compose files. None are those that bake reads by
// itself. Everything goes into the root's configuration, so paths keep their
// meaning: bake's are relative to where it is run.
//
// The rules are those of docker's reference of bake files (docs/bake-reference.md
// of docker/buildx) and of the build section in the Compose specification
// (build.md of compose-spec).
func Bake(ctx context.Context, opts Options, files []string) (*Result, error) {
	b := newBake(opts)
	files, err := b.files(files)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if err := b.readFile(name); err != nil {
			return nil, err
		}
	}
	b.prepare()
	if len(b.built()) == 0 {
		return nil, fmt.Errorf("there is no target to import in %s%s", strings.Join(files, ", "), b.why())
	}
	b.write()
	return b.settle(ctx)
}

func newBake(opts Options) *bake {
	return &bake{
		workspace: newWorkspace(opts), functions: map[string]*bakeFunction{}, callable: map[string]function.Function{},
		names: nameSet{}, groupNames: nameSet{},
		tagged: map[string]*bakeTarget{}, busy: map[string]bool{},
	}
}

// bake is an import of bake files.
type bake struct {
	*workspace
	variables []*bakeVariable
	locals    []bakeAttr
	functions map[string]*bakeFunction
	callable  map[string]function.Function // for expressions that are evaluated here
	targets   []*bakeTarget                // in the order of files
	groups    []*bakeGroup
	names     nameSet // of packages
	// groupNames are those of groups.
	groupNames nameSet
	// tagged are the targets that move a tag, by the reference in full.
	tagged map[string]*bakeTarget
	// busy are names that are being followed, so that none is followed to
	// itself.
	busy map[string]bool
}

// bakeAttr is one attribute.
type bakeAttr struct {
	name string
	x    bakeExpr
}

// bakeTarget is a target: a block, a property, or a service.
type bakeTarget struct {
	name  string
	at    position
	attrs []bakeAttr // of all files, the first file's first
	// block is the package's name; "" of targets that others inherit from and
	// nobody builds.
	block string
	// dimensions are those of the matrix. They are nil for most.
	dimensions []bakeDimension
	// instances are the matrix's, by bake's names.
	instances []bakeInstance
	key       keyExpression
}

type bakeDimension struct {
	name string
	x    bakeExpr
}

// bakeInstance is what one combination of a matrix makes.
type bakeInstance struct{ name, key string }

type bakeGroup struct {
	name    string
	at      position
	members []bakeAttr // of all files; lists of names
	comment string
}

// files finds the files to read.
func (b *bake) files(files []string) ([]string, error) {
	if !slices.Equal(files, []string{"."}) {
		return files, nil
	}
	var out []string
	for _, name := range bakeFiles {
		if b.exists(name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("there is none of the files that bake reads by itself (%s): name those to import", strings.Join(bakeFiles, ", "))
	}
	return out, nil
}

func (b *bake) readFile(name string) error {
	content, err := b.content(name)
	if err != nil {
		return err
	}
	switch path.Ext(name) {
	case ".json":
		return b.readJSON(name, content)
	case ".yml", ".yaml":
		return b.readCompose(name, content)
	}
	return b.readNative(name, content)
}

// target returns the target of a name, made if it is new.
func (b *bake) target(name string, at position) *bakeTarget {
	if t := b.find(name); t != nil {
		return t
	}
	t := &bakeTarget{name: name, at: at}
	b.targets = append(b.targets, t)
	return t
}

func (b *bake) find(name string) *bakeTarget {
	i := slices.IndexFunc(b.targets, func(t *bakeTarget) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return b.targets[i]
}

// group returns the group of a name, made if it is new.
func (b *bake) group(name string, at position) *bakeGroup {
	i := slices.IndexFunc(b.groups, func(g *bakeGroup) bool { return g.name == name })
	if i >= 0 {
		return b.groups[i]
	}
	g := &bakeGroup{name: name, at: at}
	b.groups = append(b.groups, g)
	return g
}

// built are the targets that become packages.
func (b *bake) built() []*bakeTarget {
	return slices.DeleteFunc(slices.Clone(b.targets), func(t *bakeTarget) bool { return t.block == "" })
}

// prepare finds out what matrices make and which targets are built.
func (b *bake) prepare() {
	b.offer()
	for _, name := range slices.Sorted(maps.Keys(b.functions)) {
		b.noteCalls(b.functions[name].result)
	}
	for _, t := range b.targets {
		b.expand(t)
	}
	inherited, wanted := map[string]bool{}, map[string]bool{"default": true}
	for _, t := range b.targets {
		for _, parent := range b.parents(t) {
			inherited[parent.name] = true
		}
		for _, name := range b.linked(t) {
			if of, _ := b.instance(name); of != nil {
				wanted[of.name] = true
			}
		}
	}
	for _, g := range b.groups {
		for _, m := range b.members(g) {
			if of, _ := b.instance(m.name); of != nil {
				wanted[of.name] = true
			}
		}
	}
	for _, t := range b.targets {
		if !inherited[t.name] || wanted[t.name] {
			t.block = b.names.take(t.name)
			continue
		}
		b.notes.add(t.at, "target %s is only inherited from: it is in the packages of the targets that do", t.name)
	}
}

// parents are the targets that a target inherits from, the farthest first.
func (b *bake) parents(t *bakeTarget) []*bakeTarget {
	var out []*bakeTarget
	for _, a := range t.attrs {
		if a.name != "inherits" {
			continue
		}
		out = nil // a later file's replaces an earlier one's
		for _, x := range b.elements(a.x) {
			name, ok := b.textValue(x, b.exampleOf(t))
			parent, _ := b.instance(name)
			switch {
			case !ok:
				b.notes.add(x.at, "not carried over: inherits of %s: its names are not known here", t.name)
			case parent == nil:
				b.notes.add(x.at, "not carried over: inherits of %s: there is no target %s", t.name, name)
			case len(parent.dimensions) > 0:
				b.notes.add(x.at, "not carried over: inherits of %s: %s is of a matrix", t.name, name)
			default:
				out = append(out, parent)
			}
		}
	}
	return out
}

// effective are a target's attributes, with those that it inherits before its
// own.
func (b *bake) effective(t *bakeTarget, path ...*bakeTarget) map[string][]bakeExpr {
	out := map[string][]bakeExpr{}
	if slices.Contains(path, t) {
		b.notes.add(t.at, "not carried over: target %s inherits from itself", t.name)
		return out
	}
	for _, parent := range b.parents(t) {
		for name, list := range b.effective(parent, append(path, t)...) {
			out[name] = append(out[name], list...)
		}
	}
	for _, a := range t.attrs {
		if !a.x.isNull() {
			out[a.name] = append(out[a.name], a.x)
		}
	}
	return out
}

// instance finds a target, or the one of whose matrix's instances name is one.
func (b *bake) instance(name string) (t *bakeTarget, key string) {
	if t := b.find(name); t != nil {
		return t, ""
	}
	for _, t := range b.targets {
		for _, i := range t.instances {
			if i.name == name {
				return t, i.key
			}
		}
	}
	return nil, ""
}

// reference is the expression for the package of a target; "" if there is none.
func (b *bake) reference(name string) string {
	t, key := b.instance(name)
	switch {
	case t == nil || t.block == "" || key == "" && len(t.dimensions) > 0:
		return ""
	case key != "":
		return "package." + t.block + "[" + quote(key) + "]"
	}
	return "package." + t.block
}
