// Command startup measures commands that do next to nothing: what is left is
// how long the program takes to start.
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
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
)

func main() {
	packages := flag.Int("packages", 10, "how many packages there are to plan")
	rounds := flag.Int("rounds", 25, "how often each command runs, after one run that does not count")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *packages, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "startup:", err)
		os.Exit(1)
	}
}

// settled is how long a file must have been left alone before Stowage
// remembers its digest.
const settled = 2 * time.Second

// run builds the programs, runs them in turn, and prints the table.
func run(ctx context.Context, out io.Writer, packages, rounds int) (err error) {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin, err := programs.Build(ctx, filepath.Join(dir, "bin"), programs.Stowage, programs.Buildx)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "workspace")
	if _, err := monorepo.Write(ctx, root, monorepo.Usual(packages)); err != nil {
		return err
	}
	env, err := programs.Environ(filepath.Join(dir, "home"))
	if err != nil {
		return err
	}
	time.Sleep(settled)
	stowage, buildx := bin.Path(programs.Stowage), bin.Path(programs.Buildx)
	commands := []struct {
		name string
		args []string
	}{
		{"stowage version", []string{stowage, "version"}},
		{fmt.Sprintf("stowage plan --offline, %d packages", packages), []string{stowage, "plan", "--offline"}},
		{"completion: stowage pl", []string{stowage, "__complete", "pl"}},
		{fmt.Sprintf("completion: stowage plan p, %d packages", packages), []string{stowage, "__complete", "plan", "p"}},
		{"buildx version", []string{buildx, "version"}},
		{fmt.Sprintf("buildx bake --print, %d packages", packages), []string{buildx, "bake", "--print"}},
	}
	machine := measure.Machine()
	used := make([][]measure.Usage, len(commands))
	for round := range rounds + 1 {
		for i, c := range commands {
			u, err := measure.Command{Dir: root, Env: env, Args: c.args}.Run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				used[i] = append(used[i], u)
			}
		}
	}
	fmt.Fprintf(out, "%d rounds, %s\n", rounds, machine)
	t := measure.NewTable(out, "command", "CPU ms: median (min–max)", "wall ms: median (min–max)", "peak MiB")
	for i, c := range commands {
		t.Row(c.name, milliseconds(used[i], func(u measure.Usage) time.Duration { return u.CPU }),
			milliseconds(used[i], func(u measure.Usage) time.Duration { return u.Wall }), measure.MiB(peak(used[i])))
	}
	fmt.Fprintln(out)
	return nil
}

func milliseconds(used []measure.Usage, of func(measure.Usage) time.Duration) string {
	var values []float64
	for _, u := range used {
		values = append(values, of(u).Seconds()*1e3)
	}
	s := measure.SpreadOf(values)
	return fmt.Sprintf("%.0f (%.0f–%.0f)", s.Median, s.Min, s.Max)
}

func peak(used []measure.Usage) float64 {
	var values []float64
	for _, u := range used {
		values = append(values, float64(u.Peak))
	}
	return measure.SpreadOf(values).Median
}
