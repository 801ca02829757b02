package planner

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/schema"
)

// Resolved is a workspace in which everything is known that can be known
// without asking what has been built: hashes, tags and edges.
type Resolved struct {
	Workspace *schema.Workspace
	// Packages are sorted by name.
	Packages []*Package
	// Graph has an edge from each package to those it depends on, Nodes the
	// same between nodes (NodeID).
	Graph *graph.Graph
	Nodes *graph.Graph
	// Notes are remarks about the configuration that stop nothing.
	Notes []Diagnostic

	byName map[string]*Package
	// locked says that there is a lock file.
	locked bool
}

// Package returns the package with the name, or nil.
func (r *Resolved) Package(name string) *Package { return r.byName[name] }

// Package is one resolved package.
type Package struct {
	*schema.Package
	Name       string
	Repository string
	// Hash is the input hash, 64 hex digits. TagHash is what its tags are made
	// of, and Tag the tag.
	Hash, TagHash, Tag string
	Inputs             *Inputs
	// Sources is the context's source set, LocalContexts those of named
	// contexts that are directories.
	Sources       *SourceSet
	LocalContexts map[string]*SourceSet
	// DockerfileContent is the Dockerfile, DockerfileArgs the ARGs it declares,
	// but for those that may reach the names of images in FROM: what a build is
	// told about itself must not choose another base than was planned.
	DockerfileContent []byte
	DockerfileArgs    []string
	// Dirty says that a source set differs from HEAD.
	Dirty bool
	Edges []Edge

	nodes    map[string]*nodeUses   // by platform
	external []externalUse          // in their order
	named    []naming               // in no order, each once
	nameArgs []string               // ARGs that reach names of images only
	locked   map[string]LockedImage // by reference as written
	treeID   string                 // of the sources at HEAD, in git-tree mode
}

// naming says which package the images of a repository are that a Dockerfile
// names. There may be several, which tags tell apart.
type naming struct{ repository, pkg string }

// nodeUses is what one node uses.
type nodeUses struct {
	uses []Use
	// nativeOnly is set when the result depends on the builder's own platform.
	nativeOnly string
	// runs are the platforms whose programs its builder must run.
	runs []string
	// frontend is the image that reads its Dockerfile, "" for what builders have.
	frontend string
	// onBuild are the ONBUILD instructions that it leaves to its dependents.
	onBuild []string
}

// Edge says that a package depends on another, and where that is written.
type Edge struct {
	To string
	// Origin is an attribute name or a Dockerfile instruction.
	Origin string
	Range  hcl.Range
	// OrderOnly edges are no input: depends_on.
	OrderOnly bool
}

// Use is one image of the workspace that a node's build uses.
type Use struct {
	// Name is what the Dockerfile calls it, "" for one in an archive.
	Name     string
	Package  string
	Platform string
}

// Ref is the package's full reference: repository:tag.
func (p *Package) Ref() string { return p.Repository + ":" + p.Tag }

// Uses returns the workspace images that building p for platform uses.
func (p *Package) Uses(platform string) []Use {
	if n := p.nodes[platform]; n != nil {
		return n.uses
	}
	return nil
}

// NativeOnly returns the native platform that a builder of this node must
// have, or "" when any will do.
func (p *Package) NativeOnly(platform string) string {
	if n := p.nodes[platform]; n != nil {
		return n.nativeOnly
	}
	return ""
}

// Runs returns the platforms whose programs a builder of this node must run,
// by itself or with an emulator: those of its RUN instructions. Instructions
// that base images leave are among them as far as they are known.
func (p *Package) Runs(platform string) []string {
	if n := p.nodes[platform]; n != nil {
		return n.runs
	}
	return nil
}

// ArgsFor returns the build arguments for a platform, overrides applied.
func (p *Package) ArgsFor(platform string) map[string]string {
	return merged(p.Args, p.Overrides[platform].Args)
}

// TargetFor returns the Dockerfile stage for a platform.
func (p *Package) TargetFor(platform string) string {
	if t := p.Overrides[platform].Target; t != "" {
		return t
	}
	return p.Target
}

// NodeID names a node: package and platform.
func NodeID(pkg, platform string) string { return pkg + ":" + platform }

// SplitNodeID takes a node's name apart.
func SplitNodeID(id string) (pkg, platform string) {
	i := strings.LastIndexByte(id, ':')
	return id[:i], id[i+1:]
}

// HasPlatform reports whether the package declares the platform.
func (p *Package) HasPlatform(platform string) bool {
	for _, have := range p.Platforms {
		if have == platform {
			return true
		}
	}
	return false
}

func merged(base, over map[string]string) map[string]string {
	out := make(map[string]string, len(base)+len(over))
	for k, v := range base {
		out[k] = v
	}
	for k, v := range over {
		out[k] = v
	}
	return out
}

// NodesOf returns the ids of the packages' nodes, sorted.
func (r *Resolved) NodesOf(names []string) []string {
	var ids []string
	for _, name := range names {
		for _, platform := range r.byName[name].Platforms {
			ids = append(ids, NodeID(name, platform))
		}
	}
	slices.Sort(ids)
	return ids
}
