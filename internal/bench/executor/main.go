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
	"slices"
	"time"

	"github.com/stowage-build/stowage"
)

func main() {
	if stowage.Reexec() {
		return
	}
	packages := flag.Int("packages", 100, "how many packages")
	rounds := flag.Int("rounds", 5, "how many pairs of runs")
	jobs := flag.Int("jobs", 2*runtime.GOMAXPROCS(0), "how many builds at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *packages, *rounds, *jobs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run builds the packages rounds times each way and prints the table.
func run(ctx context.Context, out io.Writer, packages, rounds, jobs int) (err error) {
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ws, err := generate(filepath.Join(dir, "workspace"), packages)
	if err != nil {
		return err
	}
	opts := stowage.Options{StoreDir: filepath.Join(dir, "store")}
	endpoint, err := stowage.StartBuilder(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, stowage.StopBuilder(context.WithoutCancel(ctx), opts)) }()
	b, err := newBare(ctx, endpoint, filepath.Join(dir, "bare"))
	if err != nil {
		return err
	}
	defer b.close()

	var cold, idle []pair
	for round := range rounds {
		salt := func(who string) string { return fmt.Sprintf("%s %d %d", who, round, time.Now().UnixNano()) }
		var c, i pair
		if err := ws.salt(salt("ours")); err != nil {
			return err
		}
		if c.ours, err = apply(ctx, ws, opts, jobs, packages); err != nil {
			return err
		}
		if i.ours, err = apply(ctx, ws, opts, jobs, 0); err != nil {
			return err
		}
		if err := ws.salt(salt("bare")); err != nil {
			return err
		}
		if c.bare, err = b.solveAll(ctx, ws, jobs); err != nil {
			return err
		}
		if i.bare, err = b.solveAll(ctx, ws, jobs); err != nil {
			return err
		}
		cold, idle = append(cold, c), append(idle, i)
	}
	fmt.Fprintf(out, "%d packages, %d at once, %d rounds, %s, %d processors\n\n", packages, jobs, rounds, runtime.Version(), runtime.NumCPU())
	fmt.Fprintln(out, "| case | stowage s | bare client.Solve s | ratio: median (min–max) |")
	fmt.Fprintln(out, "|---|---|---|---|")
	row(out, "cold: apply of a plan", cold)
	row(out, "nothing to do: open, plan and apply", idle)
	return nil
}

// pair is how long the two ways took, one after the other.
type pair struct{ ours, bare time.Duration }

func row(out io.Writer, name string, pairs []pair) {
	var ours, bare, ratios []float64
	for _, p := range pairs {
		ours = append(ours, p.ours.Seconds())
		bare = append(bare, p.bare.Seconds())
		ratios = append(ratios, p.ours.Seconds()/p.bare.Seconds())
	}
	fmt.Fprintf(out, "| %s | %.3f | %.3f | %.3f (%.3f–%.3f) |\n", name, median(ours), median(bare), median(ratios), slices.Min(ratios), slices.Max(ratios))
}

func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// apply times Stowage. With builds expected, only applying the plan is timed,
// which is what the bare solves are; with none, opening and planning too.
func apply(ctx context.Context, ws *workspace, opts stowage.Options, jobs, builds int) (time.Duration, error) {
	start := time.Now()
	w, err := stowage.Open(ctx, ws.dir, opts)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	plan, err := w.Plan(ctx, stowage.PlanOptions{Offline: true})
	if err != nil {
		return 0, err
	}
	if plan.Summary.Build != builds {
		return 0, fmt.Errorf("the plan has %d builds, want %d", plan.Summary.Build, builds)
	}
	if builds > 0 {
		start = time.Now()
	}
	result, err := w.Apply(ctx, plan, stowage.ApplyOptions{Jobs: jobs})
	if err != nil {
		return 0, err
	}
	for _, f := range result.Failed {
		return 0, f.Err
	}
	return time.Since(start), nil
}
