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
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	sizes, edges, depths numbers
	rounds               int
	bake                 int
	limit                time.Duration
}

func main() {
	o := options{sizes: numbers{100, 1000, 5000, 10000}, edges: numbers{1, 2, 4, 8, 16}, depths: numbers{8, 16, 20, 24}}
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

// numbers is a flag of comma-separated numbers; "" is none.
type numbers []int

func (n *numbers) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*n), " ", ","), "[]")
}

func (n *numbers) Set(text string) error {
	*n = nil
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		i, err := strconv.Atoi(part)
		if err != nil || i < 1 {
			return fmt.Errorf("%q is no number of things", part)
		}
		*n = append(*n, i)
	}
	return nil
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
	for _, measure := range []func(context.Context) error{b.measureSizes, b.measureEdges, b.measureDepths} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}
