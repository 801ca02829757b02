package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/stowage-build/stowage/internal/bench/images"
	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
	"github.com/stowage-build/stowage/internal/bench/programs"
	"github.com/stowage-build/stowage/internal/bench/services"
)

// workspace is a generated one with all that it needs.
type workspace struct {
	*bench
	dir, root string
	env       []string
	packages  []monorepo.Package
	registry  *services.Registry
	// daemons are bake's, by how it is run, and that of Stowage's builds: full.
	daemons map[string]*services.Daemon
}

// settled is how long a file must have been left alone before Stowage
// remembers its digest.
const settled = 2 * time.Second

// open generates a workspace of n packages, whose images are in the full store
// and in the registry, and has bake build them. The caller closes it.
func (b *bench) open(ctx context.Context, n int) (*workspace, error) {
	dir, err := os.MkdirTemp(b.dir, "workspace-")
	if err != nil {
		return nil, err
	}
	w := &workspace{bench: b, dir: dir, root: filepath.Join(dir, "workspace"), daemons: map[string]*services.Daemon{}}
	if err := w.prepare(ctx, n); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *workspace) prepare(ctx context.Context, n int) (err error) {
	if w.env, err = programs.Environ(filepath.Join(w.dir, "home")); err != nil {
		return err
	}
	if w.registry, err = services.StartRegistry(filepath.Join(w.dir, "registry")); err != nil {
		return err
	}
	shape := monorepo.Usual(n)
	shape.Registry, shape.Platforms = w.registry.Host+"/bench", []string{"linux/" + runtime.GOARCH}
	if w.instructions {
		if shape.Program, err = programs.Busybox(); err != nil {
			return err
		}
	}
	if w.packages, err = monorepo.Write(ctx, w.root, shape); err != nil {
		return err
	}
	time.Sleep(settled)
	if err := w.publish(ctx, n); err != nil {
		return err
	}
	if n <= w.changes {
		if err := w.startDaemon(ctx, full, false); err != nil {
			return err
		}
	}
	for _, way := range idleWays() {
		if way.bake != "" && n <= way.limit(w.options) {
			if err := w.prepareBake(ctx, way); err != nil {
				return err
			}
		}
	}
	return nil
}

// publish writes the images that the workspace's plan names.
func (w *workspace) publish(ctx context.Context, n int) error {
	list := exec.CommandContext(ctx, w.programs.Path(programs.Stowage), "list", "--format", "json", "--store", filepath.Join(w.dir, empty))
	list.Dir, list.Env = w.root, w.env
	var stderr bytes.Buffer
	list.Stderr = &stderr
	text, err := list.Output()
	if err != nil {
		return fmt.Errorf("list the packages: %w: %s", err, stderr.Bytes())
	}
	var packages []images.Package
	if err := json.Unmarshal(text, &packages); err != nil {
		return fmt.Errorf("list the packages: %w", err)
	}
	store, err := images.NewLayout(filepath.Join(w.dir, full))
	if err != nil {
		return err
	}
	sinks := []images.Sink{store}
	if n <= w.options.registry {
		sinks = append(sinks, images.Distribution(w.registry.Data))
	}
	if err := images.Write(packages, sinks...); err != nil {
		return err
	}
	return store.Close()
}

func (w *workspace) startDaemon(ctx context.Context, name string, history bool) (err error) {
	w.daemons[name], err = services.StartDaemon(ctx, services.DaemonOptions{
		Program: w.programs.Path(programs.Buildkitd), Dir: filepath.Join(w.dir, "buildkit-"+name), Registry: w.registry.Host, History: history,
	})
	return err
}

// prepareBake starts a daemon for bake, and has it build everything.
func (w *workspace) prepareBake(ctx context.Context, way way) error {
	if err := w.startDaemon(ctx, way.bake, way.bake == shipped); err != nil {
		return err
	}
	create := []string{w.programs.Path(programs.Buildx), "create", "--name", way.bake, "--driver", "remote", w.daemons[way.bake].Endpoint}
	if _, err := (measure.Command{Dir: w.root, Env: w.env, Args: create}).Run(ctx); err != nil {
		return err
	}
	_, err := w.observe(ctx, way)
	return err
}

func (w *workspace) close() error {
	var errs []error
	for _, d := range w.daemons {
		if d != nil {
			errs = append(errs, d.Stop())
		}
	}
	if w.registry != nil {
		errs = append(errs, w.registry.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(w.dir))...)
}
