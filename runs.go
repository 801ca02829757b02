package stowage

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fleet"
	"github.com/stowage-build/stowage/internal/history"
	"github.com/stowage-build/stowage/internal/report/web"
)

// History is what is remembered of earlier runs.
type History = history.History

// OpenHistory opens the history of runs beside a store; Options.StoreDir says
// which. The caller must close it.
func OpenHistory(opts Options) *History {
	opts = opts.withDefaults()
	return history.Open(historyFile(filepath.Join(opts.StoreDir, "state")))
}

func historyFile(stateDir string) string { return filepath.Join(stateDir, "history.db") }

// estimator expects builds on the builders that are configured.
func (w *Workspace) estimator() history.Estimator {
	return history.Estimator{History: w.history, BuilderKind: w.plannedKind()}
}

// plannedKind returns the kind of builder that will build a platform, as far as
// that can be told without asking: "" when it cannot.
func (w *Workspace) plannedKind() func(platform string) string {
	builders := w.opts.Builders
	return func(platform string) string {
		if builders == nil {
			options, err := w.opts.fleet(w.root, w.config, nil)
			if err != nil {
				return "" // apply will say why
			}
			builders = fleet.Planned(options, w.resolveOptions().HostPlatform)
		}
		for _, b := range builders {
			if (len(b.Platforms) == 0 || slices.Contains(b.Platforms, platform)) && !slices.Contains(b.Except, platform) {
				return builderKind(b, platform)
			}
		}
		return ""
	}
}

// embeddedBuilder is what the fleet calls the embedded builder.
const embeddedBuilder = "embedded"

// builderKind tells builders apart by what makes builds take longer.
func builderKind(b executor.BuilderPort, platform string) string {
	kind := "remote"
	if b.Name == embeddedBuilder {
		kind = embeddedBuilder
	}
	if b.Native != "" && b.Native != platform {
		return kind + " emulated"
	}
	return kind + " native"
}

// runBuilders are the builders that a run has, of which more may be found.
type runBuilders struct {
	executor.Finder
	traced func([]executor.BuilderPort) []executor.BuilderPort

	mu  sync.Mutex
	all []executor.BuilderPort
}

// add adds builders and returns them with their builds traced.
func (r *runBuilders) add(ports []executor.BuilderPort) []executor.BuilderPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, ports...)
	return r.traced(ports)
}

// Find is executor.Finder's.
func (r *runBuilders) Find(ctx context.Context) ([]executor.BuilderPort, error) {
	ports, err := r.Finder.Find(ctx)
	return r.add(ports), err
}

// kind is that of the builder with a name.
func (r *runBuilders) kind(name, platform string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.all {
		if b.Name == name {
			return builderKind(b, platform)
		}
	}
	return ""
}

// past returns earlier builds of a node for pages. What cannot be read is as
// good as unknown.
func (w *Workspace) past(repository, platform string) []web.Past {
	const shown = 10
	steps, err := w.history.Node(repository, platform, shown)
	if err != nil {
		return nil
	}
	var out []web.Past
	for _, s := range steps {
		out = append(out, web.Past{At: s.StartedAt, Duration: time.Duration(s.TookMS) * time.Millisecond, OK: s.Error == ""})
	}
	return out
}

// RunsDir is where runs keep their events, logs and pages, each in a directory
// named by its id.
func RunsDir(opts Options) string {
	return filepath.Join(opts.withDefaults().StoreDir, "state", "runs")
}
