package schema

import (
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Package is one evaluated package block (one instance of it, with for_each):
// everything that its configuration says, except the tag, which is evaluated
// by Workspace.Tag once the package's input hash is known.
type Package struct {
	Declaration *Declaration

	// Context is the context directory, a slash-separated path relative to
	// the workspace root ("." is the root). It begins with "../" only with
	// AllowOutside.
	Context string
	// Dockerfile is a slash-separated path inside Context. It is empty when
	// DockerfileInline is used.
	Dockerfile       string
	DockerfileInline string
	// Target is the Dockerfile stage to build; "" is the last one.
	Target string
	// Platforms are normalised OCI platforms (os/arch[/variant]) in declared order.
	Platforms []string
	// Overrides holds what platform blocks say, by normalised platform.
	Overrides map[string]Override

	Args     map[string]string
	Contexts map[string]Context
	// DependsOn names packages that come first without being an input of the image.
	DependsOn []string
	Sources   []Source
	Archives  []Archive
	Outputs   []Output
	Secrets   []Secret
	SSH       []string
	// Network is "none", "default" or "host".
	Network string
	Surroundings
	Labels      map[string]string
	Annotations map[string]string
	ExtraTags   []string
	CacheFrom   []Cache
	CacheTo     []Cache
	NoCache     bool
	// NoCacheStages are Dockerfile stages whose instructions are run whatever
	// the builder has cached.
	NoCacheStages []string
	// Pull has the builder ask the registry for images that have no digest and
	// are not locked, although it knows them.
	Pull bool
	// CacheMode is "content" (the tag is made of the input hash) or "git-tree".
	CacheMode    string
	Refresh      time.Duration
	Reproducible bool
	Attest       Attest
	// Timeout bounds one attempt to build one node; 0 is no bound.
	Timeout time.Duration
	// Retries is how often a failed build is tried again, 0 to 10.
	Retries  int
	Revision string
	// Pins is "respect" or "follow"; see Dockerfile edges in the design notes.
	Pins         string
	AllowOutside bool

	// Sensitive names the arguments whose value comes from a sensitive
	// variable: they are hashed, never shown.
	Sensitive map[string]bool
	// ArgPackages lists, for each argument, the packages that its expression
	// mentions, so that a change can be put down to them.
	ArgPackages map[string][]string

	// parts are the ranges of parts of attributes, and of blocks.
	parts map[string]hcl.Range
}

// Override is what a platform block changes for one platform.
type Override struct {
	Args    map[string]string
	Target  string // "" keeps the package's
	Network string // "" keeps the package's
	Timeout time.Duration
	NoCache bool
}

// Context is one named build context. Exactly one of Package, Path, URL, Git,
// File and Layout is set.
type Context struct {
	Package string // a workspace package's name
	Path    string // a directory, relative to the workspace root
	URL     string // docker-image://…
	Git     string // the URL of a git repository
	File    string // the http or https URL of a file
	Layout  string // the directory of an OCI layout, relative to the workspace root
	// Tag is the image's in Layout, "" for the only one there.
	Tag string
	// Pin is what Git, File and Layout are held to: COMMIT[:SUBDIRECTORY], the
	// file's digest, the image's digest. That of a Layout is "" where the
	// layout's index says what it is.
	Pin string
}

// Source is an extra file or directory added to the context.
type Source struct {
	// Path is relative to the workspace root, slash-separated.
	Path string
	// To is where it goes in the context, slash-separated and relative.
	To      string
	Include []string
	Exclude []string
	Range   hcl.Range
}

// Secret is a build secret. The value is read when a build starts and is in
// no hash, plan, log or error. Exactly one of Env and File is set.
type Secret struct {
	ID   string
	Env  string
	File string // absolute, or relative to the workspace root
}

// Attest says which attestations a build makes.
type Attest struct {
	Provenance string // "", "min" or "max"
	SBOM       bool
	Scanner    string // image reference; "" is BuildKit's default
}

// Range is where the attribute or block name was set, for diagnostics; the
// package block's own range when it was not. Parts have names of their own:
// args.NAME, contexts.NAME, labels.NAME, annotations.NAME, source.PATH (as in
// Source.Path), archive.PATH, secret.ID and platform.PLATFORM.
func (p *Package) Range(name string) hcl.Range {
	if r, ok := p.parts[name]; ok {
		return r
	}
	if m := p.Declaration.merged; m != nil {
		if r, ok := m.ranges[name]; ok {
			return r
		}
	}
	return p.Declaration.Range
}
