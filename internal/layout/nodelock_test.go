package layout

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestLockNode: one at a time has a node, others have other nodes meanwhile,
// and nothing stays behind.
func TestLockNode(t *testing.T) {
	dir := t.TempDir()
	var holders, turns atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all.Go(func() {
			for range 3 {
				unlock, err := s.LockNode(t.Context(), "r.example/app:1", "linux/amd64")
				if err != nil {
					t.Error(err)
					return
				}
				if holders.Add(1) != 1 {
					t.Error("two have the node")
				}
				time.Sleep(time.Millisecond)
				holders.Add(-1)
				turns.Add(1)
				unlock()
			}
		})
	}
	all.Wait()
	if turns.Load() != 24 {
		t.Errorf("%d turns", turns.Load())
	}
	if left, err := os.ReadDir(filepath.Join(dir, buildsDir)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// lockedNode is a store in which a node is being built.
func lockedNode(t *testing.T) (s *Store, unlock func()) {
	t.Helper()
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	unlock, err = s.LockNode(t.Context(), "r.example/app:1", "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	return s, unlock
}

func TestLockNodeWaits(t *testing.T) {
	s, unlock := lockedNode(t)
	ctx, cancel := context.WithCancel(t.Context())
	waited := make(chan error)
	go func() {
		_, err := s.LockNode(ctx, "r.example/app:1", "linux/amd64")
		waited <- err
	}()
	for _, other := range [][2]string{{"r.example/app:1", "linux/arm64"}, {"r.example/app:2", "linux/amd64"}} {
		unlock, err := s.LockNode(t.Context(), other[0], other[1])
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	cancel()
	if err := <-waited; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	unlock()
}

// TestCollectRemovesNodeLocks: those of the dead, not those that are held.
func TestCollectRemovesNodeLocks(t *testing.T) {
	s, unlock := lockedNode(t)
	defer unlock()
	builds := filepath.Join(s.Dir(), buildsDir)
	if err := os.WriteFile(filepath.Join(builds, "dead"+nodeLockSuffix), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dry := range []bool{true, false} {
		result, err := s.Collect(t.Context(), CollectOptions{DryRun: dry})
		if err != nil || result.Leftovers != 1 {
			t.Errorf("collected %+v, %v; want one leftover", result, err)
		}
	}
	left, err := os.ReadDir(builds)
	if err != nil || len(left) != 1 || left[0].Name() == "dead"+nodeLockSuffix {
		t.Errorf("left %v, %v; want the lock that is held", left, err)
	}
}
