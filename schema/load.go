package schema

import (
	"io/fs"
	"maps"
	"runtime"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/errgroup"
)

// Options is what Load takes from outside the workspace.
type Options struct {
	// Getenv looks up environment variables for variables' env and
	// STOWAGE_VAR_name. nil is an empty environment.
	Getenv func(name string) (string, bool)
	// VarFiles are --var-file contents in order.
	VarFiles []VarFile
	// Vars are --var NAME=VALUE in order.
	Vars []Var
	// Set are --set PACKAGE.ATTRIBUTE[.KEY]=VALUE in order: what is set for
	// packages, whose names may be globs, over their configuration.
	Set []string
	// AnyVars makes it no mistake that Vars have names that are not declared,
	// nor that Set is about no package: they are for another state of the
	// workspace.
	AnyVars bool
	// Git answers git_commit(), git_describe() and git_tree(path). nil makes
	// those functions fail with a diagnostic.
	Git Git
	// Version is Stowage's own, for required_version. "" and "dev" satisfy
	// every constraint.
	Version string
}

// VarFile is a file of variable values.
type VarFile struct {
	Name    string
	Content []byte
}

// Var is one value given on the command line.
type Var struct{ Name, Value string }

// Git is what expressions may ask of the repository around the workspace.
type Git interface {
	Commit() (string, error)
	Describe() (string, error)
	// Tree is the object id of the tree at a root-relative path at HEAD.
	Tree(path string) (string, error)
}

// Load reads the workspace whose root stowage.hcl (or stowage.hcl.json) is at
// the root of fsys. Everything wrong is reported at once; the workspace is nil
// when the diagnostics have errors. fsys need not be safe against paths that
// leave the root by "..", but it must not follow symlinks out of it: use
// os.Root.FS.
func Load(fsys fs.FS, opts Options) (*Workspace, hcl.Diagnostics) {
	ws, _, diags := LoadFiles(fsys, opts)
	return ws, diags
}

// LoadFiles is Load, and returns the files that were read even when there are
// errors, so that the diagnostics can be shown with excerpts.
func LoadFiles(fsys fs.FS, opts Options) (*Workspace, map[string]*hcl.File, hcl.Diagnostics) {
	l := newLoader(fsys, opts)
	ws := l.load()
	diags := arrange(l.diags)
	if diags.HasErrors() {
		ws = nil
	}
	return ws, l.files, diags
}

// loader holds what is known while a workspace is being loaded.
type loader struct {
	opts  Options
	env   *environment
	files map[string]*hcl.File
	diags hcl.Diagnostics

	root     *rootBlock
	defaults map[string]*layer // by directory
	packages []*packageBlock   // in order of declaration
	groups   []*hclBlock
	builders []*hclBlock
	hosts    []*hclBlock
}

// hclBlock is a block with the file it stands in.
type hclBlock struct {
	*hcl.Block
	scope *scope
}

func newLoader(fsys fs.FS, opts Options) *loader {
	l := &loader{
		opts:  opts,
		files: map[string]*hcl.File{},
		env: &environment{
			fsys: fsys, git: opts.Git, functions: functions(),
			userFunctions: map[string]*userFunction{},
			variables:     map[string]*variable{}, locals: map[string]*local{}, blocks: map[string]*packageBlock{},
			base: &hcl.EvalContext{Variables: map[string]cty.Value{}},
		},
		defaults: map[string]*layer{},
	}
	l.env.base.Functions = l.env.functions
	return l
}

func (l *loader) add(diags ...*hcl.Diagnostic) { l.diags = append(l.diags, diags...) }

// load goes through the phases: files, declarations, variables, locals, the
// names of all packages, and then everything else.
func (l *loader) load() *Workspace {
	files, ok := l.readRoot()
	if !ok {
		return nil
	}
	files = append(files, l.readMembers()...)
	for _, f := range files {
		l.declare(f)
	}
	l.env.base.Variables["var"] = cty.EmptyObjectVal
	l.assign()
	l.env.base.Variables["var"] = l.variableValues()
	l.offerFunctions()
	for _, name := range slices.Sorted(maps.Keys(l.env.variables)) {
		l.add(l.env.validate(l.env.variables[name])...)
	}
	l.evaluateLocals()
	l.analyzeFunctions()

	ws := &Workspace{Files: l.files, env: l.env}
	l.decodeRoot(ws)
	l.declarePackages(ws)
	l.evaluatePackages(ws)
	l.checkOutputs(ws)
	ws.Groups = l.decodeGroups(ws)
	ws.Builders = l.decodeBuilders()
	ws.Registries = l.decodeRegistries()
	for _, name := range slices.Sorted(maps.Keys(l.env.variables)) {
		ws.Variables = append(ws.Variables, &l.env.variables[name].Variable)
	}
	l.env.known = nil // later it may have changed
	return ws
}

func (l *loader) variableValues() cty.Value {
	values := map[string]cty.Value{}
	for name, v := range l.env.variables {
		values[name] = v.value
	}
	return cty.ObjectVal(values)
}

// read reads files in parallel and returns them in the order of names. Those
// that cannot be used are reported and left out.
func (l *loader) read(names []string) []*file {
	files := make([]*file, len(names))
	diags := make([]hcl.Diagnostics, len(names))
	parallel(len(names), func(i int) {
		if files[i], diags[i] = l.env.readFile(names[i]); files[i].body != nil {
			diags[i] = append(diags[i], files[i].decode(l.env)...)
		}
	})
	var usable []*file
	for i, f := range files {
		l.add(diags[i]...)
		l.files[f.name] = &hcl.File{Bytes: f.src, Body: f.body}
		if f.body == nil {
			l.env.incomplete = true
			continue
		}
		usable = append(usable, f)
	}
	return usable
}

// parallel calls do for 0 to n-1, on all processors.
func parallel(n int, do func(i int)) {
	var g errgroup.Group
	workers := min(runtime.GOMAXPROCS(0), n)
	for w := range workers {
		g.Go(func() error {
			for i := w; i < n; i += workers {
				do(i)
			}
			return nil
		})
	}
	_ = g.Wait() // do returns no error
}

// declare takes note of a file's blocks.
func (l *loader) declare(f *file) {
	s := f.scope
	for _, b := range f.blocks {
		switch b.Type {
		case "workspace":
			if f.dir != "." {
				l.add(errorAt(b.DefRange, "Workspace block in a member", "Only the root stowage.hcl has a workspace block. If %s is a workspace of its own, leave it out of this one with members = […] in the root.", f.dir))
			}
		case "locals":
			l.decodeLocals(s, b)
		case "defaults":
			l.decodeDefaults(f, s, b)
		case "variable":
			l.declareVariable(f, s, b)
		case "package":
			l.declarePackage(f, b)
		case "group":
			l.groups = append(l.groups, &hclBlock{b, s})
		case "builder":
			l.builders = append(l.builders, &hclBlock{b, s})
		case "function":
			l.declareFunction(f, s, b)
		case "registry":
			l.hosts = append(l.hosts, &hclBlock{b, s})
		}
	}
}

func (l *loader) declareVariable(f *file, s *scope, b *hcl.Block) {
	v, diags := l.env.decodeVariable(f, s, b)
	l.add(diags...)
	if first, ok := l.env.variables[v.Name]; ok {
		l.add(duplicate("variable", v.Name, b, first.Range))
		return
	}
	l.env.variables[v.Name] = v
}

// duplicate reports a block whose name is taken.
func duplicate(kind, name string, b *hcl.Block, first hcl.Range) *hcl.Diagnostic {
	rng := b.DefRange
	if len(b.LabelRanges) > 0 {
		rng = b.LabelRanges[0]
	}
	return errorAt(rng, "Duplicate "+kind, "%s %q is declared at %s already, and again at %s. Rename or remove one of them.", kind, name, at(first), at(rng))
}
