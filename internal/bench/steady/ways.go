package main

import (
	"path/filepath"

	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
)

// way is one program with what it finds.
type way struct {
	name string
	// limit is the largest number of packages that it runs with.
	limit func(options) int
	// args are the arguments, the program first.
	args func(*workspace) []string
	// store is the one of Stowage's that is used.
	store string
	// bake is how bake is run, "" for Stowage.
	bake string
	// change says which package is changed before and restored afterwards; nil
	// is none.
	change func([]monorepo.Package) int
}

// Stowage's stores. All have what Stowage remembers of files; only the first
// has images, and the last those that were built.
const (
	full  = "store-full"
	empty = "store-empty"
	fresh = "store-fresh"
)

// How bake is run, and the names of its builders.
const (
	tuned   = "tuned"
	shipped = "shipped"
)

// nobody is a builder that does not exist.
const nobody = "unix:///nonexistent/buildkitd.sock"

var (
	all        = func(o options) int { return 1 << 30 }
	inRegistry = func(o options) int { return o.registry }
	changed    = func(o options) int { return o.changes }
	both       = func(o options) int { return min(o.changes, o.bake) }
)

func idleWays() []way {
	return []way{
		{name: "stowage plan --offline", limit: all, store: full, args: stowage("plan", full, "--offline")},
		{name: stored, limit: all, store: full, args: idle(full)},
		{name: registered, limit: inRegistry, store: empty, args: idle(empty)},
		{name: pushed, limit: inRegistry, store: full, args: idle(full, "--push")},
		{name: "docker buildx bake, tuned", limit: func(o options) int { return o.bake }, bake: tuned, args: bake(tuned)},
		{name: "docker buildx bake, as shipped", limit: func(o options) int { return o.shipped }, bake: shipped, args: bake(shipped)},
	}
}

// The ways that bake is compared with.
const (
	stored     = "stowage apply: the store has all"
	registered = "stowage apply: the registry has all, the store nothing"
	pushed     = "stowage apply --push: both have all"
)

func changeWays() []way {
	root := func(packages []monorepo.Package) int { i, _ := monorepo.Root(packages); return i }
	return []way{
		{name: "one leaf: stowage apply, the store has the rest", limit: changed, store: full, change: monorepo.Leaf, args: build(full)},
		{name: "one leaf: stowage apply, the registry has the rest", limit: func(o options) int { return min(o.changes, o.registry) }, store: fresh, change: monorepo.Leaf, args: build(fresh)},
		{name: "one leaf: docker buildx bake, tuned", limit: both, bake: tuned, change: monorepo.Leaf, args: bake(tuned)},
		{name: "one root: stowage apply, the store has the rest", limit: changed, store: full, change: root, args: build(full)},
		{name: "one root: docker buildx bake, tuned", limit: both, bake: tuned, change: root, args: bake(tuned)},
	}
}

func stowage(command, store string, flags ...string) func(*workspace) []string {
	return func(w *workspace) []string {
		return append([]string{w.programs.Path(programs.Stowage), command, "--store", filepath.Join(w.dir, store)}, flags...)
	}
}

func idle(store string, flags ...string) func(*workspace) []string {
	return stowage("apply", store, append(flags, "--progress", "quiet", "--builder", nobody)...)
}

func build(store string) func(*workspace) []string {
	return func(w *workspace) []string {
		return stowage("apply", store, "--progress", "quiet", "--builder", w.daemons[full].Endpoint)(w)
	}
}

func bake(builder string) func(*workspace) []string {
	return func(w *workspace) []string {
		return []string{w.programs.Path(programs.Buildx), "bake", "--builder", builder, "--progress", "quiet"}
	}
}
