package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/schema"
)

// embedded is what the embedded builder is called.
const embedded = "embedded"

// Options say which builders there are.
type Options struct {
	// Declared are the workspace's builders.
	Declared []*schema.Builder
	// Endpoints are those of the command line: see ParseEndpoints.
	Endpoints []Endpoint
	// Host is BUILDKIT_HOST, used when there is neither.
	Host string
	// Engine is the embedded builder, used when there is none of these.
	Engine engine.Config
	// Platforms are those to be built; builders for others are left out. None
	// is all.
	Platforms []string
	// Slots is how many builds those builders take at least of which nothing
	// says it: as many as are asked for at once.
	Slots int
	// Waiting is told of a builder that has not answered for a while; it may be
	// nil. It is called from one goroutine at a time.
	Waiting func(builder string)
	// Root is what paths of TLS files are relative to.
	Root  string
	Store content.Store
	// Insecure are hosts of registries that builders may push to over plain http.
	Insecure []string
	// Limits say when a builder is taken for hung.
	Limits Limits
	// Resolve finds the addresses of a host; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
}

// file makes a path of the configuration absolute.
func (o Options) file(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(o.Root, filepath.FromSlash(path))
}

// defaultSlots is how many builds a builder takes when nothing says: more
// than the processors, since builds wait for disk and network too.
func (o Options) defaultSlots() int { return max(2*runtime.GOMAXPROCS(0), o.Slots) }

// Fleet is builders that are connected.
type Fleet struct {
	opts Options

	mu       sync.Mutex
	builders []*builder
	closed   bool
}

// Open connects to the builders, to several at once, starting the embedded one
// if it is used. Those that cannot be reached are an error, all of them, unless
// they are declared and some other can be, or are one of several at one endpoint
// of which some other can be: then their ports say so, and they are used as soon
// as they answer. So it is with a declared endpoint whose builders cannot be
// found.
func Open(ctx context.Context, opts Options) (*Fleet, error) {
	f := &Fleet{opts: opts}
	for _, m := range opts.discover(ctx, opts.members()) {
		f.builders = append(f.builders, &builder{member: m, opts: opts})
	}
	faults := make([]error, len(f.builders))
	waiting := newWaiting(opts.Waiting)
	atOnce(len(f.builders), func(i int) {
		b := f.builders[i]
		defer waiting.on(b.name)()
		if err := b.open(ctx); err != nil {
			faults[i] = fmt.Errorf("builder %s: %w", b.name, err)
		}
	})
	if err := f.tolerate(faults); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tolerate notes which builders are lost. It returns the faults if one of them
// is not to be put up with, or nobody is left.
func (f *Fleet) tolerate(faults []error) error {
	reached := map[string]bool{} // by the endpoint's name
	for i, err := range faults {
		if err == nil {
			reached[f.builders[i].of] = true
		}
	}
	for i, err := range faults {
		b := f.builders[i]
		if err != nil && !((b.declared || reached[b.of]) && executor.Lost(err)) {
			return errors.Join(faults...)
		}
		b.lost = err
	}
	if len(reached) == 0 {
		return errors.Join(faults...)
	}
	return nil
}

// connectAtOnce is how many builders are connected to at once: each may be a
// process, for ssh or docker.
const connectAtOnce = 16

// atOnce calls do with the numbers below n and waits for all.
func atOnce(n int, do func(i int)) {
	var group errgroup.Group
	group.SetLimit(connectAtOnce)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait()
}

// Ports are the builders as the executor takes them.
func (f *Fleet) Ports() []executor.BuilderPort {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ports []executor.BuilderPort
	for _, b := range f.builders {
		ports = append(ports, b.port())
	}
	return ports
}

// port is the builder as the executor takes it.
func (b *builder) port() executor.BuilderPort {
	about := b.about(b.info())
	p := executor.BuilderPort{
		Name: b.name, Builder: b, Platforms: b.platforms, Except: b.except, Native: about.Native, Slots: b.slots,
		Runs: about.Runs, Lacks: engine.RegisterEmulator, Lost: b.lost,
	}
	if b.endpoint == "" {
		p.Lacks = engine.LacksEmulator
	}
	return p
}

// Close ends the connections.
func (f *Fleet) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	var errs []error
	for _, b := range f.builders {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}
