package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

// options are the flags.
type options struct {
	sizes, edges, depths measure.Numbers
	rounds               int
	bake                 int
	limit                time.Duration
}

func main() {
	o := options{sizes: measure.Numbers{100, 1000, 5000, 10000}, edges: measure.Numbers{1, 2, 4, 8, 16}, depths: measure.Numbers{8, 16, 20, 24}}
	flag.Var(&o.sizes, "sizes", "`numbers` of packages to plan")
	flag.Var(&o.edges, "edges", "`numbers` of dependencies of each of 1,000 packages")
	flag.Var(&o.depths, "depths", "`depths` of graphs of 240 packages")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each program runs, after one run that does not count")
	flag.IntVar(&o.bake, "bake", 1000, "the largest number of packages that bake is given")
	flag.DurationVar(&o.limit, "limit", time.Minute, "how long one run of bake may take")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "plan:", err)
		os.Exit(1)
	}
}

// run builds the programs, measures, and prints tables.
func run(ctx context.Context, out io.Writer, o options) (err error) {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir, out: out}
	if err := b.build(ctx, filepath.Join(dir, "bin")); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d rounds, %s, %d processors\n", o.rounds, runtime.Version(), runtime.NumCPU())
	for _, part := range []func(context.Context) error{b.measureSizes, b.measureEdges, b.measureDepths} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}
