package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// settled is how long a file must have been left alone before Stowage
// remembers its digest.
const settled = 2 * time.Second

// result is what was measured on one workspace.
type result struct {
	shape    monorepo.Shape
	edges    int
	programs []program
	rounds   []round
	// stopped are the programs that took longer than they may.
	stopped []program
}

// measure generates a workspace and runs the programs in it. The first round
// does not count: git refreshes its index then, and files get into memory.
func (b *bench) measure(ctx context.Context, s monorepo.Shape, programs []program) (result, error) {
	res := result{shape: s, programs: slices.Clone(programs)}
	dir, err := os.MkdirTemp(b.dir, "workspace-")
	if err != nil {
		return res, err
	}
	defer os.RemoveAll(dir)
	packages, err := monorepo.Write(ctx, dir, s)
	if err != nil {
		return res, err
	}
	res.edges = monorepo.Edges(packages)
	w := &workspace{bench: b, root: dir}
	time.Sleep(settled)
	for i := range b.rounds + 1 {
		r, err := b.round(ctx, w, &res)
		if err != nil {
			return res, err
		}
		if i > 0 {
			res.rounds = append(res.rounds, r)
		}
	}
	return res, nil
}

// round is what the programs used in one round.
type round map[program]measure.Usage

// round runs one round. Bake is left out of later ones when it takes too long.
func (b *bench) round(ctx context.Context, w *workspace, res *result) (round, error) {
	store, err := os.MkdirTemp(b.dir, "store-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(store)
	r := round{}
	for _, p := range res.programs {
		if slices.Contains(res.stopped, p) {
			continue
		}
		limited, cancel := ctx, context.CancelFunc(func() {})
		if p == bake {
			limited, cancel = context.WithTimeout(ctx, b.limit)
		}
		used, err := w.start(limited, p, store)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			res.stopped = append(res.stopped, p)
		case err != nil:
			return nil, err
		default:
			r[p] = used
		}
	}
	return r, nil
}

// values are what of gives for a program in each round.
func (r result) values(p program, of func(measure.Usage) float64) []float64 {
	var out []float64
	for _, round := range r.rounds {
		if used, ok := round[p]; ok {
			out = append(out, of(used))
		}
	}
	return out
}

// ratio compares the wall time of two programs, round by round. It is false
// when one of them did not run in all rounds.
func (r result) ratio(p, by program) (measure.Spread, bool) {
	over, under := r.values(p, wall), r.values(by, wall)
	if len(over) < len(r.rounds) || len(under) < len(r.rounds) {
		return measure.Spread{}, false
	}
	return measure.SpreadOf(measure.Ratios(over, under)), true
}

func wall(u measure.Usage) float64 { return u.Wall.Seconds() }
func cpu(u measure.Usage) float64  { return u.CPU.Seconds() }
func mib(u measure.Usage) float64  { return float64(u.Peak) / (1 << 20) }
