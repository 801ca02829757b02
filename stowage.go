// Package stowage plans and builds a monorepo's whole set of container
// images.
//
// Open loads a workspace, Workspace.Plan says what must be done and why, and
// Workspace.Apply does it:
//
//	ws, err := stowage.Open(ctx, ".", stowage.Options{})
//	plan, err := ws.Plan(ctx, stowage.PlanOptions{})
//	result, err := ws.Apply(ctx, plan, stowage.ApplyOptions{})
//
// This package is where the parts are put together. Options replaces any of
// them by the caller's own: the store, the registry, the builders, secrets,
// the clock, the output. A program that builds with the embedded builder must
// call Reexec first thing in main.
package stowage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/fleet"
	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/internal/runlog"
	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// Store is where images are kept: an OCI layout that builds write into.
type Store interface {
	executor.Store
	// Content gives the store's blobs by digest.
	Content() content.Store
}

// Options are what a workspace is opened with. The zero value is what the
// command does without flags.
type Options struct {
	// Vars and VarFiles are values of variables, as --var and --var-file.
	Vars     []schema.Var
	VarFiles []schema.VarFile
	// Getenv looks up the environment; nil is os.LookupEnv.
	Getenv func(name string) (string, bool)
	// StoreDir is the directory of the shipped store; "" is STOWAGE_STORE, or
	// stowage in the user's cache directory.
	StoreDir string
	// Store, Registry and Builders replace the shipped ones.
	Store    Store
	Registry executor.Registry
	Builders []executor.BuilderPort
	// Endpoints are BuildKit endpoints to build on, as --builder. Without them
	// the workspace's builders are used, then BUILDKIT_HOST, then the embedded
	// builder.
	Endpoints []string
	// Secret reads a build secret; nil reads what the configuration says.
	Secret func(schema.Secret) ([]byte, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Output is where notices go; nil is nowhere.
	Output io.Writer
	// Version is what plans are marked with; "" is this module's version.
	Version string
}

// Workspace is an open workspace. It is safe for use by one goroutine at a
// time.
type Workspace struct {
	root   string
	opts   Options
	config *schema.Workspace
	// Warnings are diagnostics about the configuration that stop nothing.
	Warnings hcl.Diagnostics

	sources  *source.Tree
	history  *history.History
	resolved *planner.Resolved
	closers  []func() error
}

// DiagnosticsError is mistakes in the configuration, all of them.
type DiagnosticsError struct {
	Diagnostics hcl.Diagnostics
	// Files are the files the diagnostics point into.
	Files map[string]*hcl.File
}

func (e *DiagnosticsError) Error() string { return e.Diagnostics.Error() }

// Open loads the workspace that dir is in: the root stowage.hcl is in dir or
// above it. Mistakes in the configuration are a *DiagnosticsError.
func Open(ctx context.Context, dir string, opts Options) (*Workspace, error) {
	opts = opts.withDefaults()
	root, err := FindRoot(dir)
	if err != nil {
		return nil, err
	}
	w := &Workspace{root: root, opts: opts}
	name := sha256.Sum256([]byte(root))
	fingerprints := filepath.Join(w.StateDir(), "fingerprints", hex.EncodeToString(name[:8]))
	if w.sources, err = source.New(root, source.Options{CachePath: fingerprints}); err != nil {
		return nil, fmt.Errorf("open workspace %s: %w", root, err)
	}
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open workspace: %w", err)
	}
	defer tree.Close()
	config, files, diags := schema.LoadFiles(tree.FS(), schema.Options{
		Getenv: opts.Getenv, VarFiles: opts.VarFiles, Vars: opts.Vars,
		Git: w.sources, Version: opts.Version,
	})
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: files}
	}
	w.config, w.Warnings = config, diags
	w.history = history.Open(filepath.Join(w.StateDir(), "packages"))
	return w, nil
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Output == nil {
		o.Output = io.Discard
	}
	if o.Version == "" {
		o.Version = Version()
	}
	if o.StoreDir == "" {
		o.StoreDir = DefaultStoreDir(o.Getenv)
	}
	return o
}

// Version is this module's version as the Go toolchain recorded it, or "dev".
func Version() string {
	const path = "github.com/stowage-build/stowage"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == path && m.Version != "" && m.Version != "(devel)" {
			return m.Version
		}
	}
	return "dev"
}

// DefaultStoreDir is STOWAGE_STORE, or stowage in the user's cache directory.
func DefaultStoreDir(getenv func(string) (string, bool)) string {
	if dir, _ := getenv("STOWAGE_STORE"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "stowage")
}

// FindRoot returns the workspace root that dir is in: the nearest directory,
// from dir upwards, whose configuration has a workspace block.
func FindRoot(dir string) (string, error) { return source.FindRoot(dir) }

// Root is the workspace root, an absolute path.
func (w *Workspace) Root() string { return w.root }

// Config is the loaded configuration.
func (w *Workspace) Config() *schema.Workspace { return w.config }

// StateDir holds what Stowage keeps beside the images: history, runs, logs.
func (w *Workspace) StateDir() string { return filepath.Join(w.opts.StoreDir, "state") }

// Resolve evaluates every package: hashes, tags and edges. Mistakes are a
// *DiagnosticsError. The result is kept for the life of the Workspace.
func (w *Workspace) Resolve(ctx context.Context) (*planner.Resolved, error) {
	if w.resolved != nil {
		return w.resolved, nil
	}
	r, diags, err := planner.Resolve(ctx, w.config, planner.ResolveOptions{
		Sources: w.sources, Dockerfiles: dockerfile.Analyzer{},
		HostPlatform: platforms.Format(platforms.Normalize(platforms.DefaultSpec())), Now: w.opts.Now(),
	})
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: w.sources.Excerpts(w.config.Files, diags)}
	}
	w.Warnings = append(w.Warnings, diags...)
	w.resolved = r
	return r, w.sources.Save()
}

// PlanOptions shape a plan; see the flags of the same names. Their JSON form is
// the plan's "options".
type PlanOptions struct {
	// Packages select as on the command line, relative to Dir.
	Packages       []string `json:"packages,omitempty"`
	Dir            string   `json:"dir,omitempty"`
	WithDependents bool     `json:"with_dependents,omitempty"`
	Platforms      []string `json:"platforms,omitempty"`
	SkipPlatforms  []string `json:"skip_platforms,omitempty"`
	Push           bool     `json:"push,omitempty"`
	AllowDirty     bool     `json:"allow_dirty,omitempty"`
	// Offline asks no registry.
	Offline bool `json:"offline,omitempty"`
}

// Plan finds out what must be done. It writes nothing but caches, and needs
// no builder.
func (w *Workspace) Plan(ctx context.Context, opts PlanOptions) (*planner.Plan, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	names, err := w.Select(ctx, opts.Packages, opts.Dir, opts.WithDependents)
	if err != nil {
		return nil, err
	}
	if opts.Offline && opts.Push {
		return nil, errors.New("--push asks the registry, --offline forbids it; use one of them")
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	revision, err := w.sources.Revision(ctx)
	if err != nil {
		return nil, err
	}
	shown, err := opts.shown(w.config)
	if err != nil {
		return nil, err
	}
	ports := planner.Ports{Store: store, Records: w.history, Estimator: w.history}
	if !opts.Offline {
		if ports.Registry, err = w.Registry(); err != nil {
			return nil, err
		}
	}
	return planner.Make(ctx, r, ports, planner.Options{
		Packages: names, Platforms: opts.Platforms, SkipPlatforms: opts.SkipPlatforms,
		Push: opts.Push, AllowDirty: opts.AllowDirty, Shown: shown,
		Version: w.opts.Version, Now: w.opts.Now(), Revision: revision,
	})
}

// shown are the options as a plan records them, with the values of variables
// that flags gave. Those of sensitive ones are left out: apply must be given
// them again.
func (o PlanOptions) shown(config *schema.Workspace) (map[string]any, error) {
	encoded, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("record the options: %w", err)
	}
	shown := map[string]any{}
	if err := json.Unmarshal(encoded, &shown); err != nil {
		return nil, fmt.Errorf("record the options: %w", err)
	}
	vars := map[string]any{}
	for _, v := range config.Variables {
		if v.FromFlag && !v.Sensitive {
			vars[v.Name] = v.Value
		}
	}
	if len(vars) > 0 {
		shown["vars"] = vars
	}
	return shown, nil
}

// RestoreVars adds to opts the variables that a saved plan was made with. The
// sensitive ones are not in it and must be given again.
func RestoreVars(opts *Options, saved *planner.Plan) {
	vars, _ := saved.Options["vars"].(map[string]any)
	var restored []schema.Var
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if text, ok := vars[name].(string); ok {
			restored = append(restored, schema.Var{Name: name, Value: text})
		}
	}
	opts.Vars = append(restored, opts.Vars...)
}

// Replan makes a saved plan's plan again and returns it. It is a
// *planner.StaleError when the workspace gives something else.
func (w *Workspace) Replan(ctx context.Context, saved *planner.Plan) (*planner.Plan, error) {
	encoded, err := json.Marshal(saved.Options)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	var opts PlanOptions
	if err := json.Unmarshal(encoded, &opts); err != nil {
		return nil, fmt.Errorf("%w: %w", planner.ErrAltered, err)
	}
	plan, err := w.Plan(ctx, opts)
	if err != nil {
		return nil, err
	}
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	return plan, planner.CheckStale(saved, r, plan)
}

// Select returns the names of the packages that args select, relative to dir,
// itself relative to the root.
func (w *Workspace) Select(ctx context.Context, args []string, dir string, withDependents bool) ([]string, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	names, err := r.Select(args, dir)
	if err == nil && withDependents {
		names = r.WithDependents(names)
	}
	return names, err
}

// ApplyOptions are how a plan is applied; see the flags of the same names.
type ApplyOptions struct {
	// Jobs bounds what is done at once; 0 is twice the processors.
	Jobs     int
	Schedule executor.Schedule
	FailFast bool
	// Allow lists entitlements: network.host.
	Allow []string
	// Reporter is told what happens; nil is nobody.
	Reporter executor.Reporter
}

// Apply does what the plan says. Failed steps are in the result; the error is
// for what kept the run from starting.
func (w *Workspace) Apply(ctx context.Context, plan *planner.Plan, opts ApplyOptions) (*executor.Result, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	ports := executor.Ports{Store: store, Registry: remote, Recorder: w.history, Clock: w.opts.Now}
	if plan.Summary.Build > 0 {
		builders, err := w.builders(ctx, store)
		if err != nil {
			return nil, err
		}
		ports.Builders = builders
	}
	record, err := runlog.Create(filepath.Join(w.StateDir(), "runs"), w.opts.Now())
	if err != nil {
		return nil, err
	}
	ports.Logs, ports.Reporter = record, executor.Reporters{record, opts.Reporter}
	if opts.Jobs == 0 {
		opts.Jobs = 2 * runtime.GOMAXPROCS(0)
	}
	revision, err := w.sources.Revision(ctx)
	if err != nil {
		return nil, err
	}
	result, err := executor.Apply(ctx, plan, &executor.ResolvedSpecs{
		Resolved: r, Secret: w.secret, AllowHostNetwork: slices.Contains(opts.Allow, "network.host"),
		Provenance: executor.Provenance{Revision: revision, Source: w.sources.RemoteURL(ctx)},
	}, ports, executor.Options{Jobs: opts.Jobs, Schedule: opts.Schedule, FailFast: opts.FailFast})
	return result, errors.Join(err, record.Close(result))
}

// secret reads a build secret from the environment or a file.
func (w *Workspace) secret(s schema.Secret) ([]byte, error) {
	if w.opts.Secret != nil {
		return w.opts.Secret(s)
	}
	if s.Env != "" {
		value, ok := w.opts.Getenv(s.Env)
		if !ok {
			return nil, fmt.Errorf("secret %s: the environment variable %s is not set", s.ID, s.Env)
		}
		return []byte(value), nil
	}
	path := filepath.FromSlash(s.File)
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.root, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", s.ID, err)
	}
	return content, nil
}

// Store opens the store, the shipped one unless the caller has given one.
func (w *Workspace) Store() (Store, error) {
	if w.opts.Store != nil {
		return w.opts.Store, nil
	}
	store, err := layout.Open(w.opts.StoreDir)
	if err != nil {
		return nil, err
	}
	w.opts.Store = store
	w.closers = append(w.closers, store.Close)
	return store, nil
}

// Registry returns the registries, the shipped ones unless the caller has
// given one.
func (w *Workspace) Registry() (executor.Registry, error) {
	if w.opts.Registry != nil {
		return w.opts.Registry, nil
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	indexed, ok := store.(registry.Store)
	if !ok {
		return nil, errors.New("a caller's own store needs a registry of the caller's own, which pushes from it")
	}
	hosts := map[string]registry.HostConfig{}
	for _, r := range w.config.Registries {
		hosts[r.Host] = registry.HostConfig{Insecure: r.Insecure, Mirrors: r.Mirrors, MaxRequestsPerSecond: r.MaxRequestsPerSecond}
	}
	w.opts.Registry, err = registry.New(registry.Options{Store: indexed, Hosts: hosts, UserAgent: "stowage/" + w.opts.Version})
	return w.opts.Registry, err
}

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

// Close releases what the workspace holds. The embedded builder goes on for a
// while, for the next run.
func (w *Workspace) Close() error {
	var errs []error
	for _, c := range slices.Backward(w.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
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
