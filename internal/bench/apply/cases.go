package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
)

// measure runs all cases, one after the other: what one has built, the next
// finds.
func (w *workspace) measure(ctx context.Context) error {
	if w.name != ours {
		if _, err := w.run(ctx, []string{w.programs.Path(programs.Buildx), "create", "--name", "bench", "--driver", "remote", w.daemon.Endpoint}); err != nil {
			return err
		}
	}
	root, _ := monorepo.Root(w.packages)
	steps := []struct {
		name    string
		prepare func() error
		args    []string
		times   int
	}{
		{"build from nothing", nil, w.contestant.build(w), 1},
		{"nothing to do", nil, w.contestant.build(w), w.idle},
		{"one leaf changed", w.change(monorepo.Leaf(w.packages)), w.contestant.build(w), 1},
		{"one package with few dependents changed", w.change(root), w.contestant.build(w), 1},
		{"first push", nil, w.push(w), 1},
		{"nothing to do, with push", nil, w.push(w), w.idle},
		{"nothing to do, the store lost", w.loseStore, w.push(w), 1},
		{"everything changed, with push", w.changeAll, w.push(w), 1},
	}
	for _, s := range steps {
		var samples []sample
		for range s.times {
			if s.prepare != nil {
				if err := s.prepare(); err != nil {
					return err
				}
			}
			one, err := w.run(ctx, s.args)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", w.name, s.name, err)
			}
			samples = append(samples, one)
		}
		slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.Wall, b.Wall) })
		w.add(s.name, w.name, samples[len(samples)/2])
	}
	return nil
}

// change changes a package, for good.
func (w *workspace) change(i int) func() error {
	return func() error {
		_, err := monorepo.Change(w.root, w.packages[i], "changed")
		return err
	}
}

// changeAll changes every package.
func (w *workspace) changeAll() error {
	for _, p := range w.packages {
		if _, err := monorepo.Change(w.root, p, "all changed"); err != nil {
			return err
		}
	}
	return nil
}

// loseStore removes what Stowage has on this machine; the registry has it all.
func (w *workspace) loseStore() error { return os.RemoveAll(filepath.Join(w.dir, "store")) }
