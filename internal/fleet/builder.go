package fleet

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/engine"
)

// builder is one builder, connected when it is needed and again after it was
// lost.
type builder struct {
	member
	opts Options
	lost error // why it could not be reached when the fleet was opened

	// failures counts attempts to connect that failed and may not the next
	// time.
	failures atomic.Int64

	mu      sync.Mutex
	conn    *connection
	failure error // of the last such attempt
}

// connection is a client and how many builds use it.
type connection struct {
	*buildkit.Client
	users int
	lost  bool
}

// acquire returns the connection, made if there is none, for a build that
// releases it. Those that waited while an attempt to make it failed share the
// failure: a builder that does not answer is not waited for again by each.
func (b *builder) acquire(ctx context.Context) (*connection, error) {
	failures := b.failures.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil && b.failures.Load() != failures {
		return nil, b.failure
	}
	if b.conn == nil {
		client, err := b.connect(ctx)
		if executor.Transient(err) {
			b.failure = err
			b.failures.Add(1)
		}
		if err != nil {
			return nil, err
		}
		b.conn = &connection{Client: client}
	}
	b.conn.users++
	return b.conn, nil
}

func (b *builder) connect(ctx context.Context) (*buildkit.Client, error) {
	if b.err != nil {
		return nil, b.err
	}
	endpoint := b.endpoint
	if endpoint == "" {
		var err error
		if endpoint, err = engine.Ensure(ctx, b.opts.Engine); err != nil {
			return nil, err
		}
	}
	return buildkit.New(ctx, buildkit.Options{Endpoint: endpoint, TLS: b.tls, Store: b.opts.Store, Insecure: b.opts.Insecure})
}

// release ends a build's use of a connection. A lost one is given up: closed
// when no other build uses it, since some of them may be well.
func (b *builder) release(c *connection, lost bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.users--
	c.lost = c.lost || lost
	if !c.lost {
		return
	}
	if b.conn == c {
		b.conn = nil
	}
	if c.users == 0 {
		_ = c.Close()
	}
}

// Build builds on the daemon. A fault of the connection is left for the
// executor to try again, which connects anew.
func (b *builder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	conn, err := b.acquire(ctx)
	if err != nil {
		return nil, err
	}
	result, err := b.buildWatched(ctx, conn, req, progress)
	b.release(conn, executor.Lost(err))
	return result, err
}

// open connects.
func (b *builder) open(ctx context.Context) error {
	conn, err := b.acquire(ctx)
	if err != nil {
		return err
	}
	b.release(conn, false)
	return nil
}

func (b *builder) info() buildkit.Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil {
		return buildkit.Info{}
	}
	return b.conn.Info()
}

// close gives the connection up. A build that still runs ends with an error.
func (b *builder) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil {
		return nil
	}
	conn := b.conn
	b.conn = nil
	return conn.Close()
}
