package schema

import (
	"io/fs"

	"github.com/hashicorp/hcl/v2"
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
	// Git answers git_commit(), git_describe() and git_tree(path). nil makes
	// those functions fail with a diagnostic.
	Git Git
	// Version is Stowage's own, for required_version.
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
// when the diagnostics have errors.
func Load(fsys fs.FS, opts Options) (*Workspace, hcl.Diagnostics) {
	panic("not written yet")
}

// Evaluate evaluates d's attributes. identity answers for every package in
// d.References; they must have been evaluated, and tagged, before.
// It is safe for concurrent use.
func (w *Workspace) Evaluate(d *Declaration, identity func(name string) (Identity, bool)) (*Package, hcl.Diagnostics) {
	panic("not written yet")
}

// Tag evaluates the package's tag for the hash that tags are made of (40 hex
// digits); the default is that hash. It is safe for concurrent use.
func (w *Workspace) Tag(p *Package, hash string, identity func(name string) (Identity, bool)) (string, hcl.Diagnostics) {
	panic("not written yet")
}
