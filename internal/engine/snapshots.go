package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/core/snapshots/storage"
	"github.com/containerd/containerd/v2/plugins/snapshots/native"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay"
	"github.com/containerd/containerd/v2/plugins/snapshots/overlay/overlayutils"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/worker/runc"
)

// snapshotters is overlayfs where the kernel has it for the directory, and
// plain copies elsewhere.
func snapshotters(root string) runc.SnapshotterFactory {
	name, open := "overlayfs", func(dir string) (snapshots.Snapshotter, error) {
		return overlay.NewSnapshotter(dir, overlay.AsynchronousRemove)
	}
	if err := overlayutils.Supported(root); err != nil {
		name, open = "native", native.NewSnapshotter
	}
	return runc.SnapshotterFactory{Name: name, New: func(dir string) (snapshots.Snapshotter, error) {
		if err := removeUncommitted(dir); err != nil {
			return nil, fmt.Errorf("remove what an engine that ended has left: %w", err)
		}
		return open(dir)
	}}
}

// removeUncommitted removes the directories that are no snapshot of a
// snapshotter's database. A snapshotter gives a directory its number before it
// commits the number: of an engine that ended in between the directory is left,
// and the next snapshot, which gets the same number, would fail.
func removeUncommitted(dir string) error {
	directories, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	known, err := numbers(dir)
	if err != nil {
		return err
	}
	for _, d := range directories {
		if _, ok := known[d.Name()]; !ok {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, "snapshots", d.Name())))
		}
	}
	return err
}

// numbers are those of the snapshots that a snapshotter's database has.
func numbers(dir string) (known map[string]string, err error) {
	database, err := storage.NewMetaStore(filepath.Join(dir, "metadata.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	err = database.WithTransaction(context.Background(), false, func(ctx context.Context) error {
		known, err = storage.IDMap(ctx)
		if errdefs.IsNotFound(err) {
			return nil // it has never had one
		}
		return err
	})
	return known, err
}
