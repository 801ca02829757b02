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
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/dockerfile"
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
	store    Store
	registry executor.Registry
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
	if w.sources, err = source.New(root, source.Options{CachePath: filepath.Join(w.StateDir(), "fingerprints")}); err != nil {
		return nil, fmt.Errorf("open workspace %s: %w", root, err)
	}
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open workspace: %w", err)
	}
	defer tree.Close()
	config, diags := schema.Load(tree.FS(), schema.Options{
		Getenv: opts.Getenv, VarFiles: opts.VarFiles, Vars: opts.Vars,
		Git: w.sources, Version: opts.Version,
	})
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: filesOf(config)}
	}
	w.config, w.Warnings = config, diags
	return w, nil
}

func filesOf(ws *schema.Workspace) map[string]*hcl.File {
	if ws == nil {
		return nil
	}
	return ws.Files
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
// from dir upwards, whose stowage.hcl or stowage.hcl.json has a workspace
// block.
func FindRoot(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	if _, err := os.Stat(start); err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	member := ""
	for at := start; ; at = filepath.Dir(at) {
		for _, name := range []string{"stowage.hcl", "stowage.hcl.json"} {
			content, err := os.ReadFile(filepath.Join(at, name))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("find the workspace: %w", err)
			}
			if err == nil && schema.HasWorkspace(content, name) {
				return at, nil
			}
			if err == nil && member == "" {
				member = at
			}
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	if member != "" {
		return member, nil // its diagnostics say what is missing
	}
	return "", fmt.Errorf("there is no stowage.hcl in %s or above it; write one with a workspace block, or choose another directory with -C", start)
}

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
		HostPlatform: hostPlatform(), Now: w.opts.Now(),
	})
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: w.config.Files}
	}
	w.Warnings = append(w.Warnings, diags...)
	w.resolved = r
	return r, w.sources.Save()
}

// PlanOptions shape a plan; see the flags of the same names.
type PlanOptions struct {
	// Packages select as on the command line, relative to Dir.
	Packages       []string
	Dir            string
	WithDependents bool
	Platforms      []string
	SkipPlatforms  []string
	Push           bool
	AllowDirty     bool
	// Offline asks no registry.
	Offline bool
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
	ports := planner.Ports{Store: store, Records: w.recordStore(), Estimator: w.recordStore()}
	if !opts.Offline {
		if ports.Registry, err = w.Registry(); err != nil {
			return nil, err
		}
	}
	return planner.Make(ctx, r, ports, planner.Options{
		Packages: names, Platforms: opts.Platforms, SkipPlatforms: opts.SkipPlatforms,
		Push: opts.Push, AllowDirty: opts.AllowDirty, Shown: opts.shown(w.config),
		Version: w.opts.Version, Now: w.opts.Now(), Revision: revision,
	})
}

// shown are the options as a plan records them. Values of variables are left
// to apply, which must be given the sensitive ones again.
func (o PlanOptions) shown(config *schema.Workspace) map[string]any {
	shown := map[string]any{}
	set := func(name string, on bool, value any) {
		if on {
			shown[name] = value
		}
	}
	set("packages", len(o.Packages) > 0, o.Packages)
	set("dir", o.Dir != "" && o.Dir != ".", o.Dir)
	set("with_dependents", o.WithDependents, true)
	set("platforms", len(o.Platforms) > 0, o.Platforms)
	set("skip_platforms", len(o.SkipPlatforms) > 0, o.SkipPlatforms)
	set("push", o.Push, true)
	set("allow_dirty", o.AllowDirty, true)
	set("offline", o.Offline, true)
	vars := map[string]any{}
	for _, v := range config.Variables {
		if v.FromFlag && !v.Sensitive {
			vars[v.Name] = v.Value
		}
	}
	set("vars", len(vars) > 0, vars)
	return shown
}
