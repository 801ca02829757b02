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
	packages, runs, every int
	bake                  bool
	limit                 float64
}

func main() {
	var o options
	flag.IntVar(&o.packages, "packages", 30, "how many packages")
	flag.IntVar(&o.runs, "runs", 50, "how many runs, each with a change")
	flag.IntVar(&o.every, "every", 10, "after how many runs there is a row")
	flag.BoolVar(&o.bake, "bake", true, "run bake as well")
	flag.Float64Var(&o.limit, "limit", 1, "by how many `MiB` a run the embedded builder may grow")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "disk:", err)
		os.Exit(1)
	}
}

// way is one of those that build.
type way struct {
	name string
	// state is the builder's directory.
	state string
	args  []string
	sizes []size // before the first row, and with each row
}

type bench struct {
	options
	dir, root string
	env       []string
	packages  []monorepo.Package
	ways      []*way
}

// run builds the programs, measures, and prints the table.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	b := &bench{options: o}
	if b.dir, err = os.MkdirTemp("", "stowage-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	bin, err := programs.Build(ctx, filepath.Join(b.dir, "bin"), programs.Stowage, programs.Buildx, programs.Buildkitd)
	if err != nil {
		return err
	}
	if b.env, err = programs.Environ(filepath.Join(b.dir, "home")); err != nil {
		return err
	}
	if err := b.generate(ctx); err != nil {
		return err
	}
	for _, name := range []string{"stowage", "bake"} {
		d, err := services.StartDaemon(ctx, services.DaemonOptions{
			Program: bin.Path(programs.Buildkitd), Dir: filepath.Join(b.dir, name), Registry: "registry.example.com", History: true,
		})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Stop()) }()
		if err := b.add(ctx, bin, name, d); err != nil {
			return err
		}
	}
	defer func() { err = errors.Join(err, b.stopEmbedded(context.WithoutCancel(ctx), bin)) }()
	machine := measure.Machine()
	if err := b.measure(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d packages, %d runs, %s\n", o.packages, o.runs, machine)
	return b.print(out)
}

func (b *bench) generate(ctx context.Context) (err error) {
	shape := monorepo.Usual(b.options.packages)
	shape.Platforms = []string{"linux/" + runtime.GOARCH}
	if shape.Program, err = programs.Busybox(); err != nil {
		return err
	}
	b.root = filepath.Join(b.dir, "workspace")
	b.packages, err = monorepo.Write(ctx, b.root, shape)
	return err
}

// add adds what builds on a daemon; before the first the embedded one.
func (b *bench) add(ctx context.Context, bin programs.Dir, name string, d *services.Daemon) error {
	stowage := func(store string, flags ...string) []string {
		return append([]string{bin.Path(programs.Stowage), "apply", "--offline", "--progress", "quiet", "--store", filepath.Join(b.dir, store)}, flags...)
	}
	if name == "stowage" {
		b.ways = append(b.ways,
			&way{name: "stowage apply, embedded builder", state: filepath.Join(b.dir, embedded, "builder"), args: stowage(embedded)},
			&way{name: "stowage apply, buildkitd as shipped", state: d.Root, args: stowage("store", "--builder", d.Endpoint)})
		return nil
	}
	if !b.bake {
		return nil
	}
	create := []string{bin.Path(programs.Buildx), "create", "--name", "bench", "--driver", "remote", d.Endpoint}
	if _, err := (measure.Command{Dir: b.root, Env: b.env, Args: create}).Run(ctx); err != nil {
		return err
	}
	b.ways = append(b.ways, &way{name: "docker buildx bake, buildkitd as shipped", state: d.Root,
		args: []string{bin.Path(programs.Buildx), "bake", "--builder", "bench", "--progress", "quiet"}})
	return nil
}

// embedded is the store beside which the embedded builder is.
const embedded = "store-embedded"

func (b *bench) stopEmbedded(ctx context.Context, bin programs.Dir) error {
	stop := []string{bin.Path(programs.Stowage), "builder", "stop", "--store", filepath.Join(b.dir, embedded)}
	_, err := measure.Command{Dir: b.root, Env: b.env, Args: stop}.Run(ctx)
	return err
}
