package schema

import "github.com/hashicorp/hcl/v2"

// Workspace is a loaded configuration: all files parsed, variables, locals,
// for_each, names and image names evaluated. Package attributes that mention
// other packages are evaluated later, in dependency order, by Evaluate.
type Workspace struct {
	Name      string
	Registry  string
	Platforms []string
	Range     hcl.Range

	// Packages are sorted by name.
	Packages   []*Declaration
	Groups     []*Group
	Builders   []*Builder
	Registries []*Registry
	Variables  []*Variable

	// Files holds the bytes of every file read, by the name that ranges use,
	// for the excerpts of diagnostics.
	Files map[string]*hcl.File

	env    *environment
	byName map[string]*Declaration
}

// Declaration returns the package of that name (base, app["api"]).
func (w *Workspace) Declaration(name string) (*Declaration, bool) {
	d, ok := w.byName[name]
	return d, ok
}

// Declaration is one package before its attributes are evaluated.
type Declaration struct {
	// Name is what commands and plans call it: base, or app["api"] for an
	// instance of for_each.
	Name string
	// Block is the block's label, without an instance key.
	Block string
	// Repository is the full image repository: registry/image.
	Repository string
	// Dir is the directory of the declaring file, relative to the root.
	Dir   string
	Range hcl.Range
	// References are the packages that the block's expressions mention,
	// directly or through locals and defaults, in source order.
	References []Reference

	block *packageBlock
	// merged is what decides the package: the block's, or, where the command
	// line sets something, the package's own.
	merged *merged
	each   *eachValue
	// refers has the names in References.
	refers map[string]bool
	// prototype is evaluated but for the pending attributes, which depend on
	// other packages' tags.
	prototype *Package
	pending   []string
	// written are where outputs and caches go.
	written []string
}

// Reference is one mention of a package in an expression.
type Reference struct {
	Package string
	// Attribute is where: args, contexts, depends_on, …
	Attribute string
	Range     hcl.Range
}

// Identity is what other packages' expressions may know of a package.
type Identity struct {
	Tag  string // the tag, without the repository
	Hash string // what tags are made of: 40 hex digits
	// Platforms as evaluated.
	Platforms []string
}

// Group is a named selection.
type Group struct {
	Name     string
	Packages []string // names and globs; "@other" for a group
	Range    hcl.Range
}

// Builder is one declared BuildKit endpoint.
type Builder struct {
	Name     string
	Endpoint string
	// Platforms that it builds for, of those that it says it runs; none is all.
	Platforms []string
	Native    string // "" is what it says
	Slots     int    // at least 1
	TLS       *TLS
	Range     hcl.Range
}

// TLS names PEM files, relative to the workspace root or absolute.
type TLS struct {
	CA, Cert, Key string
	ServerName    string
}

// Registry is how to reach one registry host.
type Registry struct {
	Host                 string
	Insecure             bool
	Mirrors              []string
	MaxRequestsPerSecond float64 // 0 is no limit
	Range                hcl.Range
}

// Variable is one declared input variable with its value.
type Variable struct {
	Name        string
	Description string
	Sensitive   bool
	// Value is the value as HCL text, "" when sensitive.
	Value string
	// FromFlag says that --var or --var-file gave the value.
	FromFlag bool
	Range    hcl.Range
}
