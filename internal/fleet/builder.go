package fleet

import (
	"context"
	"sync"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/engine"
)

// builder is one builder, connected when it is needed and again after it was
// lost.
type builder struct {
	member
	opts Options

	mu     sync.Mutex
	client *buildkit.Client
}

// connected returns the connection, made if there is none.
func (b *builder) connected(ctx context.Context) (*buildkit.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client != nil {
		return b.client, nil
	}
	endpoint := b.endpoint
	if endpoint == "" {
		var err error
		if endpoint, err = engine.Ensure(ctx, b.opts.Engine); err != nil {
			return nil, err
		}
	}
	client, err := buildkit.New(ctx, buildkit.Options{Endpoint: endpoint, TLS: b.tls, Store: b.opts.Store})
	if err != nil {
		return nil, err
	}
	b.client = client
	return client, nil
}

// drop gives a lost connection up, unless another has taken its place.
func (b *builder) drop(lost *buildkit.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == lost {
		b.client = nil
		_ = lost.Close()
	}
}

// Build builds on the daemon. A fault of the connection is left for the
// executor to try again, which connects anew.
func (b *builder) Build(ctx context.Context, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	client, err := b.connected(ctx)
	if err != nil {
		return nil, err
	}
	result, err := client.Build(ctx, req, progress)
	if executor.Transient(err) {
		b.drop(client)
	}
	return result, err
}

func (b *builder) info() buildkit.Info {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		return buildkit.Info{}
	}
	return b.client.Info()
}

func (b *builder) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.client == nil {
		return nil
	}
	return b.client.Close()
}
