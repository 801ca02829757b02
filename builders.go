package stowage

import (
	"context"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/fleet"
	"github.com/stowage-build/stowage/schema"
)

// builders opens the builders, the shipped ones unless the caller has given
// some. The embedded one is started if it is to be used.
func (w *Workspace) builders(ctx context.Context, store Store) ([]executor.BuilderPort, error) {
	if len(w.opts.Builders) > 0 {
		return w.opts.Builders, nil
	}
	f, err := fleet.Open(ctx, w.opts.fleet(w.root, w.config, store.Content()))
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, f.Close)
	w.opts.Builders = f.Ports()
	return w.opts.Builders, nil
}

// fleet says which builders there are; config may be nil.
func (o Options) fleet(root string, config *schema.Workspace, store content.Store) fleet.Options {
	host, _ := o.Getenv("BUILDKIT_HOST")
	f := fleet.Options{Endpoints: o.Endpoints, Host: host, Root: root, Store: store, Engine: o.engine()}
	if config == nil {
		return f
	}
	f.Declared = config.Builders
	f.Engine.Registries = map[string]engine.Registry{}
	for _, r := range config.Registries {
		f.Engine.Registries[r.Host] = engine.Registry{Insecure: r.Insecure, Mirrors: r.Mirrors}
	}
	return f
}

// engine is the embedded builder on the store.
func (o Options) engine() engine.Config {
	return engine.Config{Root: filepath.Join(o.StoreDir, "builder")}
}

// Reexec runs this process's part of the embedded builder if that is what it
// was started for, and reports whether it was. A program that builds with the
// embedded builder calls it first in main and returns when it is true.
func Reexec() bool {
	if len(os.Args) < 2 || os.Args[1] != engine.Command {
		return false
	}
	if code := engine.Main(os.Args[2:]); code != 0 {
		os.Exit(code)
	}
	return true
}

// BuildKitVersion is the version of the BuildKit that is built in.
func BuildKitVersion() string { return engine.Version }

// BuilderStatus is the state of one builder.
type BuilderStatus = fleet.Status

// Builders asks the builders of a workspace, which may be nil, for their
// state. None is started.
func Builders(ctx context.Context, config *schema.Workspace, opts Options) []BuilderStatus {
	return fleet.States(ctx, opts.withDefaults().fleet("", config, nil))
}

// StartBuilder starts the embedded builder and returns its endpoint.
func StartBuilder(ctx context.Context, opts Options) (string, error) {
	return engine.Ensure(ctx, opts.withDefaults().engine())
}

// StopBuilder stops the embedded builder and waits until it is gone.
func StopBuilder(ctx context.Context, opts Options) error {
	return engine.Stop(ctx, opts.withDefaults().engine())
}

// BuilderLog is the path of the embedded builder's log.
func BuilderLog(opts Options) string { return opts.withDefaults().engine().LogPath() }
