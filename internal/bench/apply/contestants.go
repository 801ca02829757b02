package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
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
			return []string{w.bin("stowage"), "apply", "--offline", "--progress", "quiet", "--builder", w.daemon.endpoint, "--store", filepath.Join(w.dir, "store")}
		},
		push: func(w *workspace) []string {
			return []string{w.bin("stowage"), "apply", "--push", "--allow-dirty", "--progress", "quiet", "--builder", w.daemon.endpoint, "--store", filepath.Join(w.dir, "store")}
		},
	}
	bake := contestant{
		name: "docker buildx bake, tuned",
		env:  []string{"BUILDX_GIT_INFO=false", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
		build: func(w *workspace) []string {
			return []string{w.bin("buildx"), "bake", "--builder", "bench", "--progress", "quiet"}
		},
		push: func(w *workspace) []string {
			return []string{w.bin("buildx"), "bake", "--builder", "bench", "--progress", "quiet", "--set", "*.output=type=image,push=true"}
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
	daemon    *daemon
	registry  *registry
}

func (w *workspace) bin(name string) string { return filepath.Join(w.bench.dir, name) }

// run runs the program to its end.
func (w *workspace) run(ctx context.Context, args []string) (sample, error) {
	home := filepath.Join(w.dir, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return sample{}, err
	}
	env := append(monorepo.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CACHE_HOME="+home, "BUILDX_CONFIG="+filepath.Join(home, "buildx"))
	asked := w.registry.requests.Load()
	before, err := w.daemon.cpu()
	if err != nil {
		return sample{}, err
	}
	used, err := measure.Command{Dir: w.root, Env: append(env, w.env...), Args: args}.Run(ctx)
	if err != nil {
		return sample{}, err
	}
	after, err := w.daemon.cpu()
	return sample{used, after - before, w.registry.requests.Load() - asked}, err
}
