package executor_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stowage-build/stowage/executor"
)

// locking is a Store with locks of nodes.
type locking struct {
	executor.Store
	mu    sync.Mutex
	locks map[string]chan struct{}
	err   error
}

func (l *locking) LockNode(ctx context.Context, ref, platform string) (func(), error) {
	if l.err != nil {
		return nil, l.err
	}
	l.mu.Lock()
	if l.locks == nil {
		l.locks = map[string]chan struct{}{}
	}
	c := l.locks[ref+platform]
	if c == nil {
		c = make(chan struct{}, 1)
		l.locks[ref+platform] = c
	}
	l.mu.Unlock()
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestTwoRunsBuildOnce: of two runs one builds a node, and the other waits and
// takes it from the store; when the one fails, the other tries.
func TestTwoRunsBuildOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newHarness(t, "build:a\nbuild:b < build:a\nbuild:c"), newHarness(t, "build:a\nbuild:b < build:a\nbuild:c")
		store := &locking{Store: one.store}
		two.store, two.builder = one.store, one.builder
		two.ports.Builders = one.ports.Builders
		one.ports.Store, two.ports.Store = store, store
		one.does(func(ctx context.Context, node string, attempt int) error {
			if err := sleep(ctx, time.Minute); err != nil {
				return err
			}
			if node == "c" && attempt == 1 {
				return errors.New("no")
			}
			return nil
		})
		var all sync.WaitGroup
		counts := map[executor.Status]int{}
		var mu sync.Mutex
		for _, h := range []*harness{one, two} {
			all.Go(func() {
				result := h.apply(t.Context())
				mu.Lock()
				defer mu.Unlock()
				for status, n := range result.Counts() {
					counts[status] += n
				}
			})
		}
		all.Wait()
		if counts[executor.StatusBuilt] != 3 || counts[executor.StatusReused] != 2 || counts[executor.StatusFailed] != 1 {
			t.Errorf("counts are %v", counts)
		}
		for node, n := range one.builder.Counts() {
			if want := map[string]int{"c:" + amd64: 2}[node]; n != max(want, 1) {
				t.Errorf("%s was built %d times", node, n)
			}
		}
	})
}

// TestWaitForAnotherRunEnds: with the run.
func TestWaitForAnotherRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, "build:a")
		store := &locking{Store: h.store}
		h.ports.Store = store
		if _, err := store.LockNode(t.Context(), refOf("a"), amd64); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		expect(t, "result", summary(h.apply(ctx)), "build:a cancelled")
	})
}

// TestNoLock: a store that cannot lock is built into all the same.
func TestNoLock(t *testing.T) {
	h := newHarness(t, "build:a")
	h.ports.Store = &locking{Store: h.store, err: errors.New("not supported")}
	result := h.apply(t.Context())
	expect(t, "result", summary(result), "build:a built")
	if len(result.Warnings) != 1 {
		t.Errorf("warnings are %q", result.Warnings)
	}
}
