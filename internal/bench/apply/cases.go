package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// measure runs all cases, one after the other: what one has built, the next
// finds.
func (w *workspace) measure(ctx context.Context) error {
	if w.name != ours {
		if _, err := w.run(ctx, []string{w.bin("buildx"), "create", "--name", "bench", "--driver", "remote", w.daemon.endpoint}); err != nil {
			return err
		}
	}
	steps := []struct {
		name    string
		prepare func() error
		args    []string
		times   int
	}{
		{"build from nothing", nil, w.contestant.build(w), 1},
		{"nothing to do", nil, w.contestant.build(w), w.idle},
		{"one leaf changed", w.change(w.leaf()), w.contestant.build(w), 1},
		{"one package with few dependents changed", w.change(w.root0()), w.contestant.build(w), 1},
		{"first push", nil, w.push(w), 1},
		{"nothing to do, with push", nil, w.push(w), w.idle},
		{"nothing to do, the store lost", w.loseStore, w.push(w), 1},
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

// leaf is a package that no other needs.
func (w *workspace) leaf() int { return len(w.packages) - 1 }

// root0 is the package of the first layer with the fewest dependents, direct or
// not, but some.
func (w *workspace) root0() int {
	dependents := make([]map[int]bool, len(w.packages))
	for i := len(w.packages) - 1; i >= 0; i-- {
		if dependents[i] == nil {
			dependents[i] = map[int]bool{}
		}
		for _, n := range w.packages[i].Needs {
			if dependents[n] == nil {
				dependents[n] = map[int]bool{}
			}
			dependents[n][i] = true
			for d := range dependents[i] {
				dependents[n][d] = true
			}
		}
	}
	best := -1
	for i, p := range w.packages {
		if len(p.Needs) == 0 && len(dependents[i]) > 0 && (best < 0 || len(dependents[i]) < len(dependents[best])) {
			best = i
		}
	}
	return max(best, 0)
}

// change appends a line to a source file of a package.
func (w *workspace) change(i int) func() error {
	return func() error {
		f, err := os.OpenFile(filepath.Join(w.root, "pkg", w.packages[i].Name, "src", "file00.txt"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, "changed")
		return cmp.Or(err, f.Close())
	}
}

// loseStore removes what Stowage has on this machine; the registry has it all.
func (w *workspace) loseStore() error { return os.RemoveAll(filepath.Join(w.dir, "store")) }
