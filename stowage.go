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
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/internal/rootfs"
	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/internal/tracing"
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
	// Set are PACKAGE.ATTRIBUTE[.KEY]=VALUE over the configuration, as --set.
	Set []string
	// Getenv looks up the environment; nil is os.LookupEnv.
	Getenv func(name string) (string, bool)
	// StoreDir is the directory of the shipped store; "" is STOWAGE_STORE, or
	// stowage in the user's cache directory.
	StoreDir string
	// Store, Registry and Builders replace the shipped ones.
	Store    Store
	Registry executor.Registry
	Builders []executor.BuilderPort
	// Loader replaces the container engine that images are loaded into.
	Loader executor.Loader
	// Endpoints are BuildKit endpoints to build on, ENDPOINT or
	// PLATFORM=ENDPOINT, as --builder. What they do not build is built on the
	// workspace's builders, then BUILDKIT_HOST, then the embedded builder.
	Endpoints []string
	// Natives are the native platforms of builders, by the platform that is
	// built; nil is what Endpoints say.
	Natives map[string]string
	// BuilderConfig is a buildkitd.toml for the embedded builder; "" is
	// STOWAGE_BUILDER_CONFIG, or none.
	BuilderConfig string
	// Secret reads a build secret; nil reads what the configuration says.
	Secret func(schema.Secret) ([]byte, error)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// BuildArgs are arguments for every package whose Dockerfile declares them,
	// before those in the configuration, as --build-arg-file.
	BuildArgs map[string]string
	// At decides which refresh period it is; zero is Now.
	At time.Time
	// RegistryWaiting is told, once, of a registry that is slow to give its
	// first answer; it may be called by any goroutine. nil is nobody.
	RegistryWaiting func(host string)
	// RegistryLookup is told of each reference that Plan looks up in a registry,
	// and calls what it returned when that was answered; it may be called by any
	// goroutine. nil is nobody.
	RegistryLookup func(ref string) (done func())
	// Omit are files and directories that are in no source set unless git
	// tracks them: what the caller writes into the workspace itself, such as a
	// saved plan. StoreDir is one of them.
	Omit []string
	// Output is where an apply tells what happens, in plain text, when
	// ApplyOptions has no Reporter; nil is nowhere.
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

	sources     *source.Tree
	natives     map[string]string // of builders that options name, by platform
	dockerfiles *dockerfile.Cache
	lock        *planner.Lock
	history     *history.History
	resolved    *planner.Resolved
	closers     []func() error
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
	if w.natives, err = opts.natives(); err != nil {
		return nil, err
	}
	name := sha256.Sum256([]byte(root))
	id := hex.EncodeToString(name[:8])
	w.dockerfiles = dockerfile.NewCache(filepath.Join(w.StateDir(), "dockerfiles", id))
	fingerprints := filepath.Join(w.StateDir(), "fingerprints", id)
	if w.sources, err = source.New(root, source.Options{CachePath: fingerprints, Omit: append([]string{opts.StoreDir}, opts.Omit...)}); err != nil {
		return nil, fmt.Errorf("open workspace %s: %w", root, err)
	}
	w.closers = append(w.closers, w.sources.Close)
	w.sources.Prefetch(ctx)
	tree, err := rootfs.Open(root)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open workspace: %w", err), w.Close())
	}
	w.closers = append(w.closers, tree.Close)
	if err := w.load(w.sources.FS(ctx, tree)); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.history = history.Open(historyFile(w.StateDir()))
	w.closers = append(w.closers, w.history.Close)
	return w, nil
}

// load reads the configuration and the lock file. Expressions that mention
// packages are evaluated later, and may read files of the tree then.
func (w *Workspace) load(tree fs.FS) error {
	config, files, diags := schema.LoadFiles(tree, schema.Options{
		Getenv: w.opts.Getenv, VarFiles: w.opts.VarFiles, Vars: w.opts.Vars, Set: w.opts.Set,
		Git: w.sources, Version: w.opts.Version,
	})
	if diags.HasErrors() {
		return &DiagnosticsError{Diagnostics: diags, Files: files}
	}
	w.config, w.Warnings = config, diags
	w.sources.OmitOutputs(config.Outputs())
	var err error
	if w.lock, diags, err = lockfile.Read(w.root); err != nil {
		return fmt.Errorf("open workspace %s: %w", w.root, err)
	}
	if diags.HasErrors() {
		return &DiagnosticsError{Diagnostics: diags, Files: w.sources.Excerpts(files, diags)}
	}
	return nil
}

// resolve resolves the workspace's packages as they are on disk.
func (w *Workspace) resolve(ctx context.Context, opts planner.ResolveOptions) (*planner.Resolved, hcl.Diagnostics, error) {
	trees := &headTrees{sources: w.sources}
	opts.Trees = trees
	r, diags, err := planner.Resolve(ctx, w.config, opts)
	if err := errors.Join(err, trees.close()); err != nil {
		return nil, nil, err
	}
	if diags.HasErrors() {
		return nil, nil, &DiagnosticsError{Diagnostics: diags, Files: w.sources.Excerpts(w.config.Files, diags)}
	}
	return r, diags, nil
}

// resolveOptions are what packages are resolved with.
func (w *Workspace) resolveOptions() planner.ResolveOptions {
	at := w.opts.At
	if at.IsZero() {
		at = w.opts.Now()
	}
	return planner.ResolveOptions{
		Sources: w.sources, Dockerfiles: w.dockerfiles, Lock: w.lock, BuildArgs: w.opts.BuildArgs, Natives: w.natives,
		HostPlatform: platforms.Format(platforms.Normalize(platforms.DefaultSpec())), Now: at,
	}
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
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
	ctx, end := tracing.Start(ctx, "resolve")
	r, diags, err := w.resolve(ctx, w.resolveOptions())
	end(err)
	if err != nil {
		return nil, err
	}
	w.Warnings = append(w.Warnings, diags...)
	w.resolved = r
	return r, w.remember()
}

// remember saves what has been read, for the next run: both caches at once.
func (w *Workspace) remember() error {
	var sources error
	var wait sync.WaitGroup
	wait.Go(func() { sources = w.sources.Save() })
	dockerfiles := w.dockerfiles.Save()
	wait.Wait()
	return errors.Join(sources, dockerfiles)
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
	w.opts.Registry, err = registry.New(registry.Options{
		Store: indexed, Hosts: registryHosts(w.config.Registries), UserAgent: "stowage/" + w.opts.Version, Waiting: w.opts.RegistryWaiting,
	})
	return w.opts.Registry, err
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
