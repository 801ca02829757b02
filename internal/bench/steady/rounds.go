package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/services"
)

// result is what was measured with one number of packages.
type result struct {
	packages, edges int
	// affected is how many packages are made from the root that is changed,
	// itself included.
	affected int
	// samples are by way and round.
	samples map[string]map[int]sample
}

// sample is one run.
type sample struct {
	measure.Usage
	Daemon   measure.Usage
	Registry services.Traffic
	// Builds is how many images were built, and Building how long there was at
	// least one in the making: only Stowage says so.
	Builds   int
	Building time.Duration
}

// measure runs all ways, in turn. Stowage's first round does not count.
func (b *bench) measure(ctx context.Context, n int) (res *result, err error) {
	w, err := b.open(ctx, n)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	_, dependents := monorepo.Root(w.packages)
	res = &result{packages: n, edges: monorepo.Edges(w.packages), affected: dependents + 1, samples: map[string]map[int]sample{}}
	for round := range b.rounds + 1 {
		for _, way := range append(idleWays(), changeWays()...) {
			if n > way.limit(b.options) || way.bake != "" && (round == 0 || round > b.bakeRounds) {
				continue
			}
			s, err := w.changing(ctx, way, round)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			if round > 0 {
				res.add(way.name, round, s)
			}
		}
	}
	return res, nil
}

func (r *result) add(name string, round int, s sample) {
	if r.samples[name] == nil {
		r.samples[name] = map[int]sample{}
	}
	r.samples[name][round] = s
}

// changing is observe with the way's change, which differs from round to round.
func (w *workspace) changing(ctx context.Context, way way, round int) (s sample, err error) {
	if way.change == nil {
		return w.observe(ctx, way)
	}
	restore, err := monorepo.Change(w.root, w.packages[way.change(w.packages)], fmt.Sprint("round ", round))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, restore()) }()
	return w.observe(ctx, way)
}

// observe runs a program to its end, and reads what it, its daemon and the
// registry have done.
func (w *workspace) observe(ctx context.Context, way way) (s sample, err error) {
	env := w.env
	if way.bake == tuned {
		env = append(env[:len(env):len(env)], "BUILDX_GIT_INFO=false", "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	}
	daemon := w.daemonOf(way)
	var before measure.Usage
	if daemon != nil {
		_ = daemon.Process().ForgetPeak()
		if before, err = daemon.Process().Usage(); err != nil {
			return s, err
		}
	}
	asked := w.registry.Traffic()
	if s.Usage, err = (measure.Command{Dir: w.root, Env: env, Args: way.args(w)}).Run(ctx); err != nil {
		return s, err
	}
	s.Registry = w.registry.Traffic().Since(asked)
	if daemon != nil {
		after, err := daemon.Process().Usage()
		if err != nil {
			return s, err
		}
		s.Daemon = after.Since(before)
	}
	if way.change != nil && way.bake == "" {
		s.Builds, s.Building, err = w.building(way.store)
	}
	return s, err
}

// daemonOf is nil when the way has no builder.
func (w *workspace) daemonOf(way way) *services.Daemon {
	switch {
	case way.bake != "":
		return w.daemons[way.bake]
	case way.change != nil:
		return w.daemons[full]
	}
	return nil
}
