package history_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/history"
)

// TestGoroutinesAtOnce: within a process no record gets lost.
func TestGoroutinesAtOnce(t *testing.T) {
	h := fresh(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if err := run(h, fmt.Sprint("run ", i), begun(), built{pkg: "app", platform: fmt.Sprint("linux/", i), took: time.Minute}); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if err := h.RecordInputs(fmt.Sprint("repository ", i), inputs(i+1)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range 16 {
		wantInputs(t, h, fmt.Sprint("repository ", i), inputs(i+1))
		if got := (history.Estimator{History: h}).Estimate(repository, fmt.Sprint("linux/", i)); got != time.Minute {
			t.Errorf("the estimate of platform %d is %v", i, got)
		}
	}
}

// record records in one repository that other processes record in too, and in
// one of its own.
func record(path, name, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	for i := 1; i <= n; i++ {
		h := history.Open(path)
		if err := h.RecordInputs(repository, inputs(i)); err != nil {
			return err
		}
		if err := run(h, fmt.Sprint(name, i), begun(), built{pkg: name, platform: amd64, took: time.Duration(i) * time.Second}); err != nil {
			return err
		}
		if err := h.Close(); err != nil {
			return err
		}
	}
	return nil
}

// TestProcessesAtOnce: while processes make the database and record the same
// package, what is read is one of the records, whole; nothing is lost.
func TestProcessesAtOnce(t *testing.T) {
	const processes, times = 4, 25
	path := filepath.Join(t.TempDir(), "history.db")
	done := make(chan error, processes)
	for i := range processes {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "record", path, fmt.Sprint("own", i), strconv.Itoa(times))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	h := open(t, path)
	for left := processes; left > 0; {
		select {
		case err := <-done:
			left--
			must(t, err)
		default:
			got, err := h.LastInputs(repository, "app")
			if err != nil || got != nil && strconv.Itoa(len(got.List)) != got.Hash {
				t.Fatalf("read %+v, %v", got, err)
			}
		}
	}
	wantInputs(t, h, repository, inputs(times))
	for i := range processes {
		if got := (history.Estimator{History: h}).Estimate(fmt.Sprint("ghcr.io/acme/own", i), amd64); got != (times-2)*time.Second {
			t.Errorf("the estimate of process %d's own package is %v", i, got)
		}
	}
	if runs, err := h.Runs("", 1000); err != nil || len(runs) != processes*times {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

// BenchmarkOpen is what a plan pays for asking at all, BenchmarkEstimate for
// each node that it builds.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	if err := record(path, "own", "100"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h := history.Open(path)
		if in, err := h.LastInputs(repository, "app"); err != nil || in == nil {
			b.Fatal(err)
		}
		if err := h.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEstimate(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.db")
	if err := record(path, "own", "100"); err != nil {
		b.Fatal(err)
	}
	h := history.Open(path)
	for b.Loop() {
		if (history.Estimator{History: h}).Estimate("ghcr.io/acme/own", amd64) == 0 {
			b.Fatal("unknown")
		}
	}
	if err := h.Close(); err != nil {
		b.Fatal(err)
	}
}
