package planner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/schema"
)

// ResolveOptions are what resolving needs besides the configuration.
type ResolveOptions struct {
	Sources     Sources
	Dockerfiles Dockerfiles
	// Trees is needed for cache_mode = "git-tree"; nil is outside git.
	Trees Trees
	// Lock pins external images; nil is no lock file.
	Lock *Lock
	// Unlocked makes it no mistake that Lock lacks an image, for those who are
	// about to change the lock file.
	Unlocked bool
	// BuildArgs are arguments from outside of the configuration. They go before
	// those of packages, where a Dockerfile declares them.
	BuildArgs map[string]string
	// HostPlatform is the native platform where no builder is declared.
	HostPlatform string
	// Natives are the native platforms of builders that are known otherwise, by
	// the platform that is built. They go before those of declared builders.
	Natives map[string]string
	// Now decides refresh buckets.
	Now time.Time
}

// Resolve evaluates every package in dependency order, finds all edges, and
// computes hashes and tags. Mistakes in the configuration, Dockerfiles
// included, are diagnostics, all of them; the error is for what went wrong
// besides, such as a file that cannot be read.
//
// A package can be evaluated when those that its expressions mention have
// tags; its Dockerfile may then turn out to name others, which must be hashed
// before it. So packages move through two phases, each when what it waits for
// is done: examined (evaluated, files read), then finished (hashed, tagged).
// One goroutine owns the state; the work is done by others. What cannot move
// any more when nothing is running waits for itself: that is a cycle.
func Resolve(ctx context.Context, ws *schema.Workspace, opts ResolveOptions) (*Resolved, hcl.Diagnostics, error) {
	r := newResolver(ws, opts)
	if err := r.run(ctx); err != nil {
		return nil, nil, err
	}
	r.checkRefs()
	if r.diags.HasErrors() {
		return nil, r.sortedDiagnostics(), nil
	}
	return r.resolved(), r.sortedDiagnostics(), nil
}

// state is how far a package has come.
type state int

const (
	// waiting: some package that an expression mentions is not finished.
	waiting state = iota
	// running: a worker is examining or finishing it.
	running
	// examined: evaluated, files read, edges known; some package that it
	// depends on is not finished.
	examined
	// finished: hashed and tagged, or failed with diagnostics.
	finished
)

// entry is what the resolver knows of one package.
type entry struct {
	decl  *schema.Declaration
	state state
	// queued says that the next phase can start and has not.
	queued bool
	pkg    *Package
	// needs are the packages that must be finished before the next phase.
	needs map[string]bool
	// soft are packages named by the Dockerfile at an explicit tag: an edge
	// only if that is the tag the package comes out with.
	soft   map[string]bool
	images []imageUse
	// triggers are the ONBUILD instructions that images was found with.
	triggers triggers
	// released are uses that no longer wait, because their package waits too.
	released []release
}

type resolver struct {
	ws    *schema.Workspace
	opts  ResolveOptions
	repos map[string][]string // normalised repository → package names

	entries map[string]*entry
	names   []string // sorted
	parsed  imageNames
	queue   []string // that can start their next phase
	// waiters are the packages that wait for one, or did.
	waiters map[string]map[string]bool
	notes   []Diagnostic
	diags   hcl.Diagnostics
}

func newResolver(ws *schema.Workspace, opts ResolveOptions) *resolver {
	r := &resolver{
		ws: ws, opts: opts,
		repos:   map[string][]string{},
		parsed:  imageNames{},
		entries: map[string]*entry{},
		waiters: map[string]map[string]bool{},
	}
	for _, d := range ws.Packages {
		r.names = append(r.names, d.Name)
		repository := r.parsed.parse(d.Repository).repository
		r.repos[repository] = append(r.repos[repository], d.Name)
		e := &entry{decl: d, needs: map[string]bool{}, soft: map[string]bool{}}
		for _, ref := range d.References {
			r.await(d.Name, e.needs, ref.Package)
		}
		r.entries[d.Name] = e
	}
	slices.Sort(r.names)
	return r
}

// identities returns what expressions may know of the packages they mention.
// A package that failed has a stand-in, so that its dependents' own mistakes
// are found in the same run.
func (r *resolver) identities(refs []schema.Reference) map[string]schema.Identity {
	known := make(map[string]schema.Identity, len(refs))
	for _, ref := range refs {
		id := schema.Identity{Tag: "failed", Hash: "failed", Platforms: r.ws.Platforms}
		if e := r.entries[ref.Package]; e != nil && e.pkg != nil {
			id = schema.Identity{Tag: e.pkg.Tag, Hash: e.pkg.TagHash, Platforms: e.pkg.Platforms}
		}
		known[ref.Package] = id
	}
	return known
}

// finish hashes and tags a package whose dependencies all are.
func (r *resolver) finish(p *Package, hashes map[string]string, known map[string]schema.Identity) outcome {
	p.Inputs = inputs(p, func(name string) string { return hashes[name] }, r.opts.Now)
	p.Hash = p.Inputs.Hash
	p.TagHash = p.tagHash()
	tag, diags := r.ws.Tag(p.Package, p.TagHash, lookupIn(known))
	if p.Tag = tag; diags.HasErrors() {
		p.Tag = p.TagHash // so that dependents' own mistakes are found
	}
	return outcome{name: p.Name, pkg: p, diags: diags, done: true}
}

func lookupIn(known map[string]schema.Identity) func(string) (schema.Identity, bool) {
	return func(name string) (schema.Identity, bool) {
		id, ok := known[name]
		return id, ok
	}
}

// resolved assembles the result.
func (r *resolver) resolved() *Resolved {
	out := &Resolved{
		Workspace: r.ws, Graph: graph.New(), Nodes: graph.New(),
		Notes: r.notes, byName: map[string]*Package{}, locked: r.opts.Lock != nil,
	}
	for _, name := range r.names {
		p := r.entries[name].pkg
		out.Packages = append(out.Packages, p)
		out.byName[name] = p
		out.Graph.AddNode(name)
		for _, e := range p.Edges {
			out.Graph.AddEdge(name, e.To)
		}
	}
	for _, p := range out.Packages {
		out.addNodes(p)
	}
	slices.SortStableFunc(out.Notes, func(a, b Diagnostic) int {
		return compareStrings(a.Package, b.Package, a.Location, b.Location, a.Summary, b.Summary)
	})
	out.Notes = slices.Compact(out.Notes)
	return out
}

// addNodes adds p's nodes and their edges. An image use is an edge to the
// node that is used; any other edge goes to the same platform of the other
// package, or to all of them when it has not got that one.
func (r *Resolved) addNodes(p *Package) {
	for _, platform := range p.Platforms {
		id := NodeID(p.Name, platform)
		r.Nodes.AddNode(id)
		used := map[string]bool{}
		for _, u := range p.Uses(platform) {
			used[u.Package] = true
			r.Nodes.AddEdge(id, NodeID(u.Package, u.Platform))
		}
		for _, e := range p.Edges {
			if used[e.To] {
				continue
			}
			dep := r.byName[e.To]
			if dep.HasPlatform(platform) {
				r.Nodes.AddEdge(id, NodeID(e.To, platform))
				continue
			}
			for _, other := range dep.Platforms {
				r.Nodes.AddEdge(id, NodeID(e.To, other))
			}
		}
	}
}

func (r *resolver) sortedDiagnostics() hcl.Diagnostics {
	slices.SortStableFunc(r.diags, func(a, b *hcl.Diagnostic) int {
		return compareStrings(location(a.Subject), location(b.Subject), a.Summary, b.Summary, a.Detail, b.Detail)
	})
	return slices.CompactFunc(r.diags, func(a, b *hcl.Diagnostic) bool {
		return location(a.Subject) == location(b.Subject) && a.Summary == b.Summary && a.Detail == b.Detail
	})
}

// location is file:line,column with numbers padded for sorting.
func location(rng *hcl.Range) string {
	if rng == nil {
		return ""
	}
	return fmt.Sprintf("%s:%06d,%04d", rng.Filename, rng.Start.Line, rng.Start.Column)
}
