package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// options are the flags.
type options struct {
	packages, rounds, idle int
	shipped                bool
}

func main() {
	var o options
	flag.IntVar(&o.packages, "packages", 100, "how many packages")
	flag.IntVar(&o.rounds, "rounds", 3, "how many rounds, each with daemons and registries of its own")
	flag.IntVar(&o.idle, "idle", 3, "how often in a round nothing is done; the median counts")
	flag.BoolVar(&o.shipped, "default", false, "measure bake as it is shipped as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "apply:", err)
		os.Exit(1)
	}
}

// run builds the programs, measures, and prints a table.
func run(ctx context.Context, out io.Writer, o options) error {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir, results: map[string]map[string][]sample{}}
	if err := b.build(ctx); err != nil {
		return err
	}
	for round := range o.rounds {
		for _, make := range b.contestants() {
			if err := b.round(ctx, make, filepath.Join(dir, fmt.Sprint("round-", round))); err != nil {
				return err
			}
		}
	}
	b.print(out)
	return nil
}

// bench holds what all measurements share.
type bench struct {
	options
	dir     string
	busybox []byte
	// results are samples by case and program, one for each round.
	results map[string]map[string][]sample
	cases   []string // in the order in which they were measured
}

// sample is one run: what the program used, and what it asked its registry.
type sample struct {
	measure.Usage
	Daemon   time.Duration // the daemon's processor time
	Requests int64
}

// build builds Stowage with its own module's dependencies, and the others with
// those of this one.
func (b *bench) build(ctx context.Context) error {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w; run .ci/setup", err)
	}
	if b.busybox, err = os.ReadFile(path); err != nil {
		return err
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/stowage-build/stowage").Output()
	if err != nil {
		return fmt.Errorf("find Stowage's source: %w; run this in its own module", err)
	}
	for _, args := range [][]string{
		{"build", "-C", strings.TrimSpace(string(root)), "-o", b.dir + "/", "./cmd/stowage"},
		{"build", "-o", b.dir + "/", "github.com/docker/buildx/cmd/buildx"},
		{"build", "-o", b.dir + "/", "github.com/moby/buildkit/cmd/buildkitd"},
	} {
		if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", args[len(args)-1], err, out)
		}
	}
	return nil
}

// round measures one program on a workspace, a daemon and a registry of its
// own, which are gone afterwards.
func (b *bench) round(ctx context.Context, c contestant, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	reg, err := startRegistry(filepath.Join(dir, "registry"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.stop()) }()
	d, err := b.startDaemon(ctx, filepath.Join(dir, "buildkit"), reg.host, c.history)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	w := &workspace{bench: b, contestant: c, dir: dir, root: filepath.Join(dir, "workspace"), daemon: d, registry: reg}
	shape := monorepo.Usual(b.packages)
	shape.Registry, shape.Platforms, shape.Program = reg.host+"/bench", []string{"linux/" + runtime.GOARCH}, b.busybox
	if w.packages, err = monorepo.Write(ctx, w.root, shape); err != nil {
		return err
	}
	return w.measure(ctx)
}

func (b *bench) add(name, program string, s sample) {
	if b.results[name] == nil {
		b.results[name] = map[string][]sample{}
		b.cases = append(b.cases, name)
	}
	b.results[name][program] = append(b.results[name][program], s)
}
