package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// size is what a builder's directory takes on the disk, in bytes.
type size struct {
	// content are blobs: layers, and what records refer to.
	total, content, snapshots int64
}

// measure builds everything once, and then again and again with a change: of a
// leaf, and with each row of a root too.
func (b *bench) measure(ctx context.Context) error {
	root, _ := monorepo.Root(b.packages)
	for run := range b.runs + 1 {
		changed := []int{monorepo.Leaf(b.packages)}
		row := run%b.every == 0
		if row {
			changed = append(changed, root)
		}
		for _, i := range changed {
			if _, err := monorepo.Change(b.root, b.packages[i], fmt.Sprint("run ", run)); err != nil {
				return err
			}
		}
		for _, w := range b.ways {
			if _, err := (measure.Command{Dir: b.root, Env: b.env, Args: w.args}).Run(ctx); err != nil {
				return fmt.Errorf("%s: run %d: %w", w.name, run, err)
			}
			if !row {
				continue
			}
			s, err := sizeOf(w.state)
			if err != nil {
				return err
			}
			w.sizes = append(w.sizes, s)
		}
	}
	return nil
}

// sizeOf adds up the blocks of all files, each once however many names it has.
// Files that are removed meanwhile do not count: the builder is running.
func sizeOf(dir string) (size, error) {
	var s size
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || seen[stat.Ino] {
			return nil
		}
		seen[stat.Ino] = true
		bytes := stat.Blocks * 512 // in these units whatever the file system: stat(2)
		s.total += bytes
		switch inside, _ := filepath.Rel(dir, path); {
		case strings.Contains(inside, "/content/"):
			s.content += bytes
		case strings.Contains(inside, "/snapshots/"):
			s.snapshots += bytes
		}
		return nil
	})
	return s, err
}

// print prints the table. It fails when the first way's builder has grown by
// more than it may.
func (b *bench) print(out io.Writer) error {
	columns := []string{"builder's directory, MiB"}
	for i := range b.ways[0].sizes {
		columns = append(columns, fmt.Sprint("run ", i*b.every))
	}
	t := measure.NewTable(out, append(columns, "a run", "of these content", "snapshots", "the rest")...)
	var grown float64
	for i, w := range b.ways {
		first, last := w.sizes[0], w.sizes[len(w.sizes)-1]
		runs := float64(max(1, (len(w.sizes)-1)*b.every))
		cells := []string{w.name}
		for _, s := range w.sizes {
			cells = append(cells, measure.MiB(s.total))
		}
		per := func(of func(size) int64) float64 { return float64(of(last)-of(first)) / runs / (1 << 20) }
		total, content, snapshots := per(func(s size) int64 { return s.total }), per(func(s size) int64 { return s.content }), per(func(s size) int64 { return s.snapshots })
		if i == 0 {
			grown = total
		}
		for _, n := range []float64{total, content, snapshots, total - content - snapshots} {
			cells = append(cells, fmt.Sprintf("%.2f", n))
		}
		t.Row(cells...)
	}
	fmt.Fprintln(out)
	if grown > b.limit {
		return fmt.Errorf("the embedded builder's directory grew by %.2f MiB a run, and may by %.2f", grown, b.limit)
	}
	return nil
}
