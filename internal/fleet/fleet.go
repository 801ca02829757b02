package fleet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/schema"
)

// embedded is what the embedded builder is called.
const embedded = "embedded"

// Options say which builders there are.
type Options struct {
	// Declared are the workspace's builders.
	Declared []*schema.Builder
	// Endpoints are those of the command line, used instead of the declared.
	Endpoints []string
	// Host is BUILDKIT_HOST, used when there is neither.
	Host string
	// Engine is the embedded builder, used when there is none of these.
	Engine engine.Config
	// Root is what paths of TLS files are relative to.
	Root  string
	Store content.Store
}

// member is one builder of a fleet.
type member struct {
	name, endpoint string // endpoint is "" for the embedded one
	platforms      []string
	native         string
	slots          int
	tls            *buildkit.TLS
}

// members lists the builders in order of preference.
func (o Options) members() []member {
	var out []member
	endpoints := o.Endpoints
	if len(endpoints) == 0 && len(o.Declared) == 0 && o.Host != "" {
		endpoints = []string{o.Host}
	}
	for _, at := range endpoints {
		out = append(out, member{name: at, endpoint: at, slots: defaultSlots()})
	}
	if len(out) > 0 {
		return out
	}
	for _, b := range o.Declared {
		m := member{name: b.Name, endpoint: b.Endpoint, platforms: b.Platforms, native: b.Native, slots: b.Slots}
		if b.TLS != nil {
			m.tls = &buildkit.TLS{
				CA: o.file(b.TLS.CA), Cert: o.file(b.TLS.Cert), Key: o.file(b.TLS.Key), ServerName: b.TLS.ServerName,
			}
		}
		out = append(out, m)
	}
	if len(out) > 0 {
		return out
	}
	return []member{{name: embedded, slots: defaultSlots()}}
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
func defaultSlots() int { return 2 * runtime.GOMAXPROCS(0) }

// Fleet is builders that are connected.
type Fleet struct{ builders []*builder }

// Open connects to the builders, starting the embedded one if it is used. One
// that cannot be reached is an error.
func Open(ctx context.Context, opts Options) (*Fleet, error) {
	f := &Fleet{}
	for _, m := range opts.members() {
		b := &builder{member: m, opts: opts}
		if err := b.open(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("builder %s: %w", m.name, err), f.Close())
		}
		f.builders = append(f.builders, b)
	}
	return f, nil
}

// Ports are the builders as the executor takes them.
func (f *Fleet) Ports() []executor.BuilderPort {
	var ports []executor.BuilderPort
	for _, b := range f.builders {
		info := b.info()
		p := executor.BuilderPort{
			Name: b.name, Builder: b, Platforms: b.platforms, Native: b.native, Slots: b.slots,
			Runs: info.Platforms, Lacks: engine.RegisterEmulator,
		}
		if b.endpoint == "" {
			p.Lacks = engine.LacksEmulator
		}
		if p.Native == "" && len(info.Platforms) > 0 {
			p.Native = info.Platforms[0]
		}
		ports = append(ports, p)
	}
	return ports
}

// Close ends the connections.
func (f *Fleet) Close() error {
	var errs []error
	for _, b := range f.builders {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}

// Status is the state of one builder.
type Status struct {
	Name, Endpoint string
	// State is running, stopped (the embedded one only) or unreachable: why.
	State     string
	Version   string
	Platforms []string
}

// States asks every builder for its state. None is started.
func States(ctx context.Context, opts Options) []Status {
	var out []Status
	for _, m := range opts.members() {
		s := Status{Name: m.name, Endpoint: m.endpoint, State: "running", Platforms: m.platforms}
		if m.endpoint == "" {
			endpoint, running := engine.Running(ctx, opts.Engine)
			s.Endpoint = endpoint
			if !running {
				s.State, s.Endpoint, s.Version = "stopped", "-", engine.Version
				out = append(out, s)
				continue
			}
			m.endpoint = endpoint
		}
		client, err := buildkit.New(ctx, buildkit.Options{Endpoint: m.endpoint, TLS: m.tls})
		if err != nil {
			s.State = "unreachable: " + err.Error()
		} else {
			s.Version = client.Info().Version
			if len(s.Platforms) == 0 {
				s.Platforms = client.Info().Platforms
			}
			_ = client.Close()
		}
		out = append(out, s)
	}
	return out
}
