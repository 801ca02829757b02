package stowage

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/fleet"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// builders opens the builders that the plan needs, the shipped ones unless the
// caller has given some. The embedded one is started if it is to be used. The
// finder, which may be nil, finds more of them.
func (w *Workspace) builders(ctx context.Context, store Store, plan *planner.Plan, opts ApplyOptions) ([]executor.BuilderPort, executor.Finder, error) {
	if len(w.opts.Builders) > 0 {
		return w.opts.Builders, nil, nil
	}
	options, err := w.opts.fleet(w.root, w.config, store.Content())
	if err != nil {
		return nil, nil, err
	}
	options.Platforms, options.Waiting, options.Slots = builtPlatforms(plan), opts.Waiting, opts.Jobs
	f, err := fleet.Open(ctx, options)
	if err != nil {
		return nil, nil, err
	}
	w.closers = append(w.closers, f.Close)
	return f.Ports(), f.Finder(), nil
}

// builtPlatforms are those that the plan builds, sorted.
func builtPlatforms(plan *planner.Plan) []string {
	var out []string
	for _, s := range plan.Steps {
		if s.Kind == planner.KindBuild {
			out = append(out, s.Platform)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// fleet says which builders there are; config may be nil.
func (o Options) fleet(root string, config *schema.Workspace, store content.Store) (fleet.Options, error) {
	host, _ := o.Getenv("BUILDKIT_HOST")
	f := fleet.Options{Host: host, Root: root, Store: store}
	var err error
	if f.Endpoints, err = fleet.ParseEndpoints(o.Endpoints); err != nil {
		return f, err
	}
	if f.Engine, err = o.engine(); err != nil || config == nil {
		return f, err
	}
	f.Declared = config.Builders
	f.Engine.Registries = map[string]engine.Registry{}
	for _, r := range config.Registries {
		f.Engine.Registries[r.Host] = engine.Registry{Insecure: r.Insecure, Mirrors: r.Mirrors}
		if r.Insecure {
			f.Insecure = append(f.Insecure, r.Host)
		}
	}
	return f, nil
}

// engine is the embedded builder on the store.
func (o Options) engine() (engine.Config, error) {
	c := engine.Config{Root: o.engineRoot()}
	path := o.BuilderConfig
	if path == "" {
		path, _ = o.Getenv("STOWAGE_BUILDER_CONFIG")
	}
	var err error
	if path != "" {
		c.Settings, err = engine.LoadSettings(path)
	}
	return c, err
}

func (o Options) engineRoot() string { return filepath.Join(o.StoreDir, "builder") }

// natives are the native platforms of the builders that the command line names
// for platforms.
func (o Options) natives() (map[string]string, error) {
	endpoints, err := fleet.ParseEndpoints(o.Endpoints)
	if o.Natives != nil {
		return o.Natives, err
	}
	return fleet.Natives(endpoints), err
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
func Builders(ctx context.Context, ws *Workspace, opts Options) ([]BuilderStatus, error) {
	f, err := fleetOf(ws, opts)
	if err != nil {
		return nil, err
	}
	return fleet.States(ctx, f), nil
}

// fleetOf says which builders a workspace, which may be nil, has.
func fleetOf(ws *Workspace, opts Options) (fleet.Options, error) {
	if ws == nil {
		return opts.withDefaults().fleet("", nil, nil)
	}
	return opts.withDefaults().fleet(ws.root, ws.config, nil)
}

// BuilderUsage is the cache of one builder, or what was removed of it.
type BuilderUsage = fleet.Usage

// PruneOptions say what is removed of builders' caches.
type PruneOptions = buildkit.PruneOptions

// BuilderCaches lists the caches of a workspace's builders, or of those with
// the names. The workspace may be nil. An embedded builder that does not run is
// left out.
func BuilderCaches(ctx context.Context, ws *Workspace, opts Options, names []string) ([]BuilderUsage, error) {
	f, err := fleetOf(ws, opts)
	if err != nil {
		return nil, err
	}
	return fleet.Usages(ctx, f, names)
}

// PruneBuilders removes from the caches of a workspace's builders, or of those
// with the names, and returns what was removed. What is in use stays.
func PruneBuilders(ctx context.Context, ws *Workspace, opts Options, names []string, what PruneOptions) ([]BuilderUsage, error) {
	f, err := fleetOf(ws, opts)
	if err != nil {
		return nil, err
	}
	return fleet.Prune(ctx, f, names, what)
}

// StartBuilder starts the embedded builder and returns its endpoint.
func StartBuilder(ctx context.Context, opts Options) (string, error) {
	c, err := opts.withDefaults().engine()
	if err != nil {
		return "", err
	}
	return engine.Ensure(ctx, c)
}

// StopBuilder stops the embedded builder and waits until it is gone.
func StopBuilder(ctx context.Context, opts Options) error {
	return engine.Stop(ctx, engine.Config{Root: opts.withDefaults().engineRoot()})
}

// BuilderLog is the path of the embedded builder's log.
func BuilderLog(opts Options) string {
	return engine.Config{Root: opts.withDefaults().engineRoot()}.LogPath()
}
