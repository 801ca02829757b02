package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/tonistiigi/fsutil"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/layout"
)

// bare builds with BuildKit's client and nothing else.
type bare struct {
	client *client.Client
	store  *layout.Store
}

func newBare(ctx context.Context, endpoint, dir string) (*bare, error) {
	c, err := client.New(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	store, err := layout.Open(dir)
	if err != nil {
		return nil, err
	}
	return &bare{client: c, store: store}, nil
}

func (b *bare) close() {
	_ = b.store.Close()
	_ = b.client.Close()
}

// solveAll times one solve for each package, jobs at once.
func (b *bare) solveAll(ctx context.Context, ws *workspace, jobs int) (time.Duration, error) {
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(jobs)
	for _, name := range ws.names {
		group.Go(func() error {
			if err := b.solve(ctx, filepath.Join(ws.dir, name)); err != nil {
				return fmt.Errorf("solve %s: %w", name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	return time.Since(start), err
}

func (b *bare) solve(ctx context.Context, dir string) error {
	files, err := fsutil.NewFS(dir)
	if err != nil {
		return err
	}
	status := make(chan *client.SolveStatus)
	go func() {
		for range status {
		}
	}()
	_, err = b.client.Solve(ctx, nil, client.SolveOpt{
		Frontend:      "dockerfile.v0",
		FrontendAttrs: map[string]string{"platform": "linux/amd64"},
		LocalMounts:   map[string]fsutil.FS{"context": files, "dockerfile": files},
		SharedKey:     dir,
		Internal:      true,
		Exports:       []client.ExportEntry{{Type: client.ExporterOCI, Attrs: map[string]string{"tar": "false"}, OutputStore: b.store.Content()}},
	}, status)
	return err
}
