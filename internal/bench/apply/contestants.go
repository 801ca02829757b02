package main

import (
	"context"
	"path/filepath"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
	"github.com/stowage-build/stowage/internal/bench/services"
)

// contestant is a program and how it is run.
type contestant struct {
	name string
	// history says that the daemon records builds.
	history bool
	env     []string
	// build and push are its arguments, the program first.
	build, push func(w *workspace) []string
}

const ours = "stowage apply"

func (b *bench) contestants() []contestant {
	stowage := contestant{
		name: ours,
		build: func(w *workspace) []string {
			return []string{w.programs.Path(programs.Stowage), "apply", "--offline", "--progress", "quiet", "--builder", w.daemon.Endpoint, "--store", filepath.Join(w.dir, "store")}
		},
		push: func(w *workspace) []string {
			return []string{w.programs.Path(programs.Stowage), "apply", "--push", "--allow-dirty", "--progress", "quiet", "--builder", w.daemon.Endpoint, "--store", filepath.Join(w.dir, "store")}
		},
	}
	bake := contestant{
		name: "docker buildx bake, tuned",
		env:  []string{"BUILDX_GIT_INFO=false", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
		build: func(w *workspace) []string {
			return []string{w.programs.Path(programs.Buildx), "bake", "--builder", "bench", "--progress", "quiet"}
		},
		push: func(w *workspace) []string {
			return []string{w.programs.Path(programs.Buildx), "bake", "--builder", "bench", "--progress", "quiet", "--set", "*.output=type=image,push=true"}
		},
	}
	all := []contestant{stowage, bake}
	if b.shipped {
		shipped := bake
		shipped.name, shipped.history, shipped.env = "docker buildx bake, as shipped", true, nil
		all = append(all, shipped)
	}
	return all
}

// workspace is one on which a contestant is measured.
type workspace struct {
	*bench
	contestant
	dir, root string
	packages  []monorepo.Package
	daemon    *services.Daemon
	registry  *services.Registry
}

// run runs the program to its end.
func (w *workspace) run(ctx context.Context, args []string) (sample, error) {
	env, err := programs.Environ(filepath.Join(w.dir, "home"))
	if err != nil {
		return sample{}, err
	}
	daemon := w.daemon.Process()
	_ = daemon.ForgetPeak()
	before, err := daemon.Usage()
	if err != nil {
		return sample{}, err
	}
	asked := w.registry.Traffic()
	used, err := measure.Command{Dir: w.root, Env: append(env, w.env...), Args: args}.Run(ctx)
	if err != nil {
		return sample{}, err
	}
	after, err := daemon.Usage()
	return sample{used, after.Since(before), w.registry.Traffic().Since(asked)}, err
}
