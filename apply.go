package stowage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/dockerd"
	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/internal/report/web"
	"github.com/stowage-build/stowage/internal/runlog"
	"github.com/stowage-build/stowage/internal/tracing"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// ApplyOptions are how a plan is applied; see the flags of the same names.
type ApplyOptions struct {
	// Jobs bounds what is done at once; 0 is twice the processors, or as many as
	// the builders have slots, if that is more.
	Jobs     int
	Schedule executor.Schedule
	FailFast bool
	// BuilderWait is how long builds wait for lost builders when no other can
	// do them; 0 is a minute.
	BuilderWait time.Duration
	// Allow lists entitlements: network.host, security.insecure.
	Allow []string
	// Waiting is told of a builder that has not answered for a while; it may be
	// nil.
	Waiting func(builder string)
	// Reporter is told what happens; nil writes plain text to Options.Output.
	Reporter executor.Reporter
	// Started is told the run's directory, where its logs and its page
	// report.html are; it may be nil.
	Started func(dir string)
}

// Apply does what the plan says. Failed steps are in the result; the error is
// for what kept the run from starting.
func (w *Workspace) Apply(ctx context.Context, plan *planner.Plan, opts ApplyOptions) (*executor.Result, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := w.opts.engine(); err != nil {
		return nil, err
	}
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	warnings, err := w.warnings(ctx, store, plan)
	if err != nil {
		return nil, err
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	ports := executor.Ports{Store: store, Registry: remote, Clock: w.opts.Now, Fetcher: w.fetcher()}
	if plan.Summary.Load > 0 {
		if ports.Loader, err = w.loader(ctx, store); err != nil {
			return nil, err
		}
	}
	traced, trace := tracing.Run(ctx)
	builders := &runBuilders{traced: trace}
	if plan.Summary.Build > 0 {
		opened, finder, err := w.builders(ctx, store, plan, opts)
		if err != nil {
			return nil, err
		}
		ports.Builders = builders.add(opened)
		if finder != nil {
			builders.Finder, ports.Finder = finder, builders
		}
	}
	record, err := runlog.Create(filepath.Join(w.StateDir(), "runs"), w.opts.Now())
	if err != nil {
		return nil, err
	}
	if opts.Started != nil {
		opts.Started(record.Dir())
	}
	page := web.NewRecord()
	remembered := w.history.Begin(history.Begin{
		ID: filepath.Base(record.Dir()), Root: w.root, Plan: plan, At: w.opts.Now(), BuilderKind: builders.kind,
	})
	ports.Recorder, ports.Placements = remembered, remembered
	reporters := executor.Reporters{record, opts.Reporter, page, remembered, traced}
	if opts.Reporter == nil && w.opts.Output != nil {
		plain, err := report.NewReporter("plain", w.opts.Output, report.Options{})
		if err != nil {
			return nil, errors.Join(err, record.Close(nil))
		}
		defer plain.Close()
		reporters[1] = plain
	}
	ports.Logs, ports.Reporter = record, reporters
	grow := opts.Jobs == 0
	if grow {
		opts.Jobs = max(2*runtime.GOMAXPROCS(0), slots(ports.Builders))
	}
	revision, err := w.sources.Revision(ctx)
	if err != nil {
		return nil, err
	}
	version, err := w.sources.GoVersion(ctx)
	if err != nil {
		return nil, errors.Join(err, record.Close(nil))
	}
	result, err := executor.Apply(ctx, plan, &executor.ResolvedSpecs{
		Resolved: r, Root: w.root, Secret: w.secret, Allow: opts.Allow,
		Provenance: executor.Provenance{Revision: revision, Source: w.sources.RemoteURL(ctx), GoVersion: version},
		Proxies:    w.opts.proxies(),
		CacheAttrs: w.opts.cacheAttrs,
	}, ports, executor.Options{
		Jobs: opts.Jobs, Grow: grow, Schedule: opts.Schedule, FailFast: opts.FailFast, Patience: opts.BuilderWait,
		Offline: plan.Options["offline"] == true, Warnings: warnings,
	})
	if forgotten := remembered.End(result, w.opts.Now()); forgotten != nil && result != nil {
		result.Warnings = append(result.Warnings, forgotten.Error())
	}
	if err == nil {
		err = record.WritePage(func(out io.Writer) error {
			return web.Run(out, plan, result, page, w.pageDetails(r))
		})
	}
	return result, errors.Join(err, record.Close(result))
}

// warnings are of what is found before anything is done: a damaged store, which
// is repaired, and configuration that is pushed without being committed.
func (w *Workspace) warnings(ctx context.Context, store Store, plan *planner.Plan) ([]string, error) {
	repaired, err := repair(ctx, store)
	if err != nil {
		return nil, err
	}
	uncommitted := ""
	if plan.Summary.Push > 0 {
		if uncommitted, err = w.uncommitted(ctx); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc([]string{repaired, uncommitted}, func(text string) bool { return text == "" }), nil
}

// slots is how many builds the builders take at once.
func slots(builders []executor.BuilderPort) int {
	n := 0
	for _, b := range builders {
		n += max(b.Slots, 1)
	}
	return n
}

// loader opens the container engine, the one that the docker command would use
// unless the caller has given one.
func (w *Workspace) loader(ctx context.Context, store Store) (executor.Loader, error) {
	if w.opts.Loader != nil {
		return w.opts.Loader, nil
	}
	daemon, err := dockerd.Open(ctx, dockerd.Options{Getenv: w.opts.Getenv, Store: store.Content()})
	if err != nil {
		return nil, err
	}
	w.opts.Loader = daemon
	w.closers = append(w.closers, daemon.Close)
	return daemon, nil
}

// proxies are the environment's proxy settings that BuildKit knows.
func (o Options) proxies() map[string]string {
	out := map[string]string{}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"} {
		for _, name := range []string{name, strings.ToLower(name)} {
			if value, ok := o.Getenv(name); ok && value != "" {
				out[name] = value
			}
		}
	}
	return out
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
