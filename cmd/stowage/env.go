package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/schema"
)

// env is what all commands share: the streams and the global flags.
type env struct {
	stdout, stderr io.Writer

	dir      string
	vars     []string
	varFiles []string
	argFiles []string
	set      []string
	store    string
	omit     []string // files that this command writes or reads itself
	progress string
	color    string
	lookups  *report.Lookups // nil where they are not shown
	profiles profiles
}

func newEnv(stdout, stderr io.Writer) *env { return &env{stdout: stdout, stderr: stderr} }

// options turns the global flags into the options of a workspace.
func (e *env) options() (stowage.Options, error) {
	opts := stowage.Options{StoreDir: e.store, Version: version, Set: e.set, RegistryWaiting: e.waiting("registry")}
	if e.lookups = report.NewLookups(e.progress, e.stderr, os.Getenv("TERM")); e.lookups != nil {
		opts.RegistryLookup = e.lookups.Begin
	}
	opts.Omit = slices.Concat(e.omit, redirected(e.stdout, e.stderr))
	for _, v := range e.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok {
			return opts, fmt.Errorf("--var %q: write NAME=VALUE", v)
		}
		opts.Vars = append(opts.Vars, schema.Var{Name: name, Value: value})
	}
	var err error
	if opts.BuildArgs, err = e.readBuildArgs(e.argFiles); err != nil {
		return opts, err
	}
	for _, path := range e.varFiles {
		content, err := os.ReadFile(e.path(path))
		if err != nil {
			return opts, fmt.Errorf("--var-file: %w", err)
		}
		opts.VarFiles = append(opts.VarFiles, schema.VarFile{Name: path, Content: content})
	}
	return opts, nil
}

// waiting says that something of a kind is waited for, unless standard error is
// for events alone, or for nothing.
func (e *env) waiting(kind string) func(name string) {
	return func(name string) {
		text := fmt.Sprintf("Waiting for %s %s to answer.", kind, name)
		switch {
		case e.progress == "json" || e.progress == "quiet":
		case e.lookups != nil:
			e.lookups.Note(text)
		default:
			fmt.Fprintln(e.stderr, text)
		}
	}
}

// path makes a path from the command line relative to -C.
func (e *env) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(e.dir, p)
}

// open opens the workspace and prints its warnings.
func (e *env) open(ctx context.Context) (*stowage.Workspace, error) {
	return e.openAt(ctx, time.Time{})
}

// openAt opens the workspace for a time, zero for now, and for builders of the
// command line.
func (e *env) openAt(ctx context.Context, at time.Time, builders ...string) (*stowage.Workspace, error) {
	opts, err := e.options()
	if err != nil {
		return nil, err
	}
	opts.At, opts.Endpoints = at, builders
	return e.openWith(ctx, opts)
}

func (e *env) openWith(ctx context.Context, opts stowage.Options) (*stowage.Workspace, error) {
	ws, err := stowage.Open(ctx, e.dir, opts)
	if err != nil {
		return nil, err
	}
	if _, err := ws.Resolve(ctx); err != nil {
		return nil, err
	}
	e.printDiagnostics(ws.Warnings, ws.Config().Files)
	return ws, nil
}

// selectionDir is the current directory relative to the workspace root, for
// arguments that are directories.
func (e *env) selectionDir(ws *stowage.Workspace) (string, error) {
	abs, err := filepath.Abs(e.dir)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(ws.Root(), abs)
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(rel), nil
}

// printDiagnostics prints diagnostics with excerpts of the files.
func (e *env) printDiagnostics(diags hcl.Diagnostics, files map[string]*hcl.File) {
	if len(diags) == 0 {
		return
	}
	width := 78
	if f, ok := e.stderr.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			width = w
		}
	}
	shown := make(hcl.Diagnostics, len(diags))
	for i, d := range diags {
		shown[i] = d
		if d.Subject != nil && strings.HasPrefix(d.Subject.Filename, "--") { // a flag has no lines
			flag := *d
			flag.Summary, flag.Subject, flag.Context = d.Summary+" in "+d.Subject.Filename, nil, nil
			shown[i] = &flag
		}
	}
	w := hcl.NewDiagnosticTextWriter(e.stderr, files, uint(width), e.colored(e.stderr))
	if err := w.WriteDiagnostics(shown); err != nil {
		fmt.Fprintf(e.stderr, "Error: %v\n", err)
	}
}

// colored reports whether to write colours to w: --color, then NO_COLOR
// (https://no-color.org), then whether it is a terminal that has them, which
// one that TERM says is dumb has not.
func (e *env) colored(w io.Writer) bool {
	switch e.color {
	case "always":
		return true
	case "never":
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
