package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
	"github.com/stowage-build/stowage/internal/bench/services"
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
	machine := measure.Machine()
	for round := range o.rounds {
		for _, make := range b.contestants() {
			if err := b.round(ctx, make, filepath.Join(dir, fmt.Sprint("round-", round))); err != nil {
				return err
			}
		}
	}
	b.print(out, machine)
	return nil
}

// bench holds what all measurements share.
type bench struct {
	options
	dir      string
	programs programs.Dir
	busybox  []byte
	// results are samples by case and program, one for each round.
	results map[string]map[string][]sample
	cases   []string // in the order in which they were measured
}

// sample is one run: what the program used, and what it asked its registry.
type sample struct {
	measure.Usage
	Daemon   measure.Usage
	Registry services.Traffic
}

// build builds the programs.
func (b *bench) build(ctx context.Context) (err error) {
	if b.busybox, err = programs.Busybox(); err != nil {
		return err
	}
	b.programs, err = programs.Build(ctx, b.dir, programs.Stowage, programs.Buildx, programs.Buildkitd)
	return err
}

// round measures one program on a workspace, a daemon and a registry of its
// own, which are gone afterwards.
func (b *bench) round(ctx context.Context, c contestant, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	reg, err := services.StartRegistry(filepath.Join(dir, "registry"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reg.Stop()) }()
	d, err := services.StartDaemon(ctx, services.DaemonOptions{
		Program: b.programs.Path(programs.Buildkitd), Dir: filepath.Join(dir, "buildkit"), Registry: reg.Host, History: c.history,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	w := &workspace{bench: b, contestant: c, dir: dir, root: filepath.Join(dir, "workspace"), daemon: d, registry: reg}
	shape := monorepo.Usual(b.packages)
	shape.Registry, shape.Platforms, shape.Program = reg.Host+"/bench", []string{"linux/" + runtime.GOARCH}, b.busybox
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
