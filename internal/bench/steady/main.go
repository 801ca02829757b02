package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/programs"
)

// options are the flags.
type options struct {
	sizes                            measure.Numbers
	rounds, bakeRounds               int
	registry, changes, bake, shipped int
	instructions                     bool
}

func main() {
	o := options{sizes: measure.Numbers{100, 300, 1000, 5000, 10000, 20000}}
	flag.Var(&o.sizes, "sizes", "`numbers` of packages")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each program runs, after one run that does not count")
	flag.IntVar(&o.bakeRounds, "bakerounds", 2, "in how many of the rounds bake runs, after a build that does not count")
	flag.IntVar(&o.registry, "registry", 5000, "the largest number of packages with a registry")
	flag.IntVar(&o.changes, "changes", 1000, "the largest number of packages with changes to build")
	flag.IntVar(&o.bake, "bake", 1000, "the largest number of packages that bake is given")
	flag.IntVar(&o.shipped, "default", 100, "the largest number of packages that bake is given as it is shipped")
	flag.BoolVar(&o.instructions, "run", false, "give each package a RUN, which nothing but bake's first build executes; nothing is changed then")
	flag.Parse()
	if o.instructions {
		o.changes = 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "steady:", err)
		os.Exit(1)
	}
}

// bench holds what all measurements share.
type bench struct {
	options
	dir      string
	programs programs.Dir
}

// run builds the programs, measures, and prints tables.
func run(ctx context.Context, out io.Writer, o options) error {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir}
	if b.programs, err = programs.Build(ctx, filepath.Join(dir, "bin"), programs.Stowage, programs.Buildx, programs.Buildkitd); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d rounds, %s\n", o.rounds, measure.Machine())
	var results []*result
	for _, n := range o.sizes {
		fmt.Fprintf(os.Stderr, "steady: %d packages\n", n)
		res, err := b.measure(ctx, n)
		if err != nil {
			return fmt.Errorf("%d packages: %w", n, err)
		}
		results = append(results, res)
	}
	printIdle(out, results)
	if o.changes > 0 {
		printChanges(out, results)
	}
	printGrowth(out, results)
	return nil
}
