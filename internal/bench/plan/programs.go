package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// program is one of those that are compared.
type program string

const (
	// cold plans with a store of its own, so that no digest is remembered. The
	// files are in memory: they have just been written.
	cold program = "stowage plan --offline, cold"
	// warm plans again.
	warm program = "stowage plan --offline, warm"
	// floor is what is needed to know which files there are.
	floor program = "git status --porcelain; git ls-files -s"
	// hashing reads and hashes all files.
	hashing program = "read and hash all files"
	bake    program = "docker buildx bake --print"
)

// bench holds what all measurements share.
type bench struct {
	options
	dir string // for everything that is written
	out io.Writer
	bin string // where the programs are
}

// build builds Stowage with its own module's dependencies, and the others with
// those of this one.
func (b *bench) build(ctx context.Context, bin string) error {
	b.bin = bin
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/stowage-build/stowage").Output()
	if err != nil {
		return fmt.Errorf("find Stowage's source: %w; run this in its own module", err)
	}
	for _, args := range [][]string{
		{"build", "-C", strings.TrimSpace(string(root)), "-o", bin + "/", "./cmd/stowage"},
		{"build", "-o", bin + "/", "github.com/stowage-build/stowage/internal/bench/hashtree", "github.com/docker/buildx/cmd/buildx"},
	} {
		if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", args[len(args)-1], err, out)
		}
	}
	return nil
}

// workspace is a generated one and how programs run in it.
type workspace struct {
	*bench
	root string
}

func (w *workspace) path(name string) string { return filepath.Join(w.bin, name) }

func (w *workspace) run(ctx context.Context, args ...string) (measure.Usage, error) {
	return measure.Command{Dir: w.root, Env: w.environ(), Args: args}.Run(ctx)
}

// environ keeps the programs away from the user's home directory.
func (w *workspace) environ() []string {
	home := filepath.Join(w.dir, "home")
	return append(monorepo.Environ(), "HOME="+home, "DOCKER_CONFIG="+home, "XDG_CACHE_HOME="+home)
}

// start runs a program to its end.
func (w *workspace) start(ctx context.Context, p program, store string) (measure.Usage, error) {
	switch p {
	case cold, warm:
		return w.run(ctx, w.path("stowage"), "plan", "--offline", "--store", store)
	case floor:
		status, err := w.run(ctx, "git", "status", "--porcelain")
		if err != nil {
			return status, err
		}
		files, err := w.run(ctx, "git", "ls-files", "-s")
		return status.Then(files), err
	case hashing:
		return w.run(ctx, w.path("hashtree"), ".")
	}
	return w.run(ctx, w.path("buildx"), "bake", "--print")
}
