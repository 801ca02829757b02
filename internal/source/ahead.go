package source

import (
	"context"
	"sync"
)

// ahead is reading that has been started before anybody asks. The zero value
// is that there is none.
type ahead struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

// Prefetch starts to read what every source set needs, git's lists and the
// remembered digests, so that it is there when the configuration has been
// read. It is to be called once at most, before the tree is used by others, and
// Close ends it. When ctx is done before it is, the next who needs the lists
// asks for them anew.
func (t *Tree) Prefetch(ctx context.Context) {
	ctx, t.ahead.cancel = context.WithCancel(ctx)
	t.ahead.wait.Go(func() { t.cache.load.Do(t.cache.read) })
	t.ahead.wait.Go(func() {
		// An error stays where it is: with the lists.
		_, _, _ = t.listing(ctx, ".")
	})
}

// Close ends what Prefetch has started, and what reads HEAD.
func (t *Tree) Close() error {
	if t.ahead.cancel != nil {
		t.ahead.cancel()
	}
	t.ahead.wait.Wait()
	if head := t.head.made(); head != nil {
		return head.Close()
	}
	return nil
}
