package stowage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// SinceOptions say what is compared.
type SinceOptions struct {
	// Revision is a git revision: a commit, branch or tag, HEAD~3, @{upstream}.
	Revision string
	// Packages select as on the command line, relative to Dir. None compares
	// all, those that are gone included.
	Packages       []string
	Dir            string
	WithDependents bool
}

// Since compares the workspace with how it was at a git revision, whatever has
// been built of either. It reads git's objects: the work tree is not touched,
// and no registry is asked. The workspace of then is evaluated with the
// variables of now. Mistakes in its configuration are a *DiagnosticsError.
func (w *Workspace) Since(ctx context.Context, opts SinceOptions) (*planner.ChangeReport, error) {
	now, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	if len(opts.Packages) > 0 {
		if names, err = w.Select(ctx, opts.Packages, opts.Dir, opts.WithDependents); err != nil {
			return nil, err
		}
	}
	rev, err := w.sources.At(ctx, opts.Revision)
	if err != nil {
		return nil, err
	}
	old, err := w.resolveAt(ctx, rev)
	if err := errors.Join(err, rev.Close()); err != nil {
		return nil, fmt.Errorf("evaluate the workspace at %s: %w", opts.Revision, err)
	}
	report, err := planner.Since(old, now, names)
	if err != nil {
		return nil, err
	}
	commit, err := rev.Commit()
	if err != nil {
		return nil, err
	}
	report.StowageVersion = w.opts.Version
	report.Since = planner.SinceInfo{Revision: opts.Revision, Commit: commit}
	report.Workspace.Revision, err = w.sources.Revision(ctx)
	return report, err
}

// resolveAt resolves the workspace of a revision, nil if there was none.
func (w *Workspace) resolveAt(ctx context.Context, rev *source.Revision) (*planner.Resolved, error) {
	fsys := rev.FS()
	if !hasWorkspace(fsys) {
		return nil, nil
	}
	config, files, diags := schema.LoadFiles(fsys, schema.Options{
		Getenv: w.opts.Getenv, VarFiles: w.opts.VarFiles, Vars: w.opts.Vars, Set: w.opts.Set, AnyVars: true,
		Git: rev, Version: w.opts.Version,
	})
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: files}
	}
	opts := w.resolveOptions()
	opts.Sources, opts.Trees, opts.Lock = rev, rev, nil
	text, err := fs.ReadFile(fsys, lockfile.Name)
	switch {
	case err == nil:
		if opts.Lock, diags = lockfile.Parse(text); diags.HasErrors() {
			return nil, &DiagnosticsError{Diagnostics: diags, Files: map[string]*hcl.File{lockfile.Name: {Bytes: text}}}
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	r, diags, err := planner.Resolve(ctx, config, opts)
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, &DiagnosticsError{Diagnostics: diags, Files: config.Files}
	}
	return r, nil
}

// hasWorkspace reports whether the root of a file system is a workspace's.
func hasWorkspace(fsys fs.FS) bool {
	for _, name := range []string{"stowage.hcl", "stowage.hcl.json"} {
		if content, err := fs.ReadFile(fsys, name); err == nil && schema.HasWorkspace(content, name) {
			return true
		}
	}
	return false
}
