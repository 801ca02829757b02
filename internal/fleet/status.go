package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/engine"
)

// Status is the state of one builder.
type Status struct {
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	// State is running, stopped (the embedded one only) or unreachable: why.
	State   string `json:"state"`
	Version string `json:"version"`
	// Platforms are what it builds, Native is its own.
	Platforms []string `json:"platforms"`
	Native    string   `json:"native"`
	Slots     int      `json:"slots"`
	// Running is how many instructions it runs now, whoever builds; Cache is
	// the size of its cache in bytes. Both are -1 when that is not known.
	Running int   `json:"running"`
	Cache   int64 `json:"cache_bytes"`
}

// States asks every builder for its state, several at once. None is started.
func States(ctx context.Context, opts Options) []Status {
	members := opts.discover(ctx, opts.members())
	out := make([]Status, len(members))
	waiting := newWaiting(opts.Waiting)
	atOnce(len(members), func(i int) {
		defer waiting.on(members[i].name)()
		out[i] = members[i].status(ctx, opts)
	})
	return out
}

func (m member) status(ctx context.Context, opts Options) Status {
	s := Status{
		Name: m.name, Endpoint: m.endpoint, State: "running", Platforms: m.platforms, Native: m.native,
		Slots: m.slots, Running: -1, Cache: -1,
	}
	client, err := m.dial(ctx, opts)
	switch {
	case err != nil:
		s.State = "unreachable: " + err.Error()
		return s
	case client == nil:
		s.State, s.Endpoint, s.Version = "stopped", "-", engine.Version
		return s
	}
	defer client.Close()
	info := client.Info()
	s.Endpoint, s.Version = client.Endpoint(), info.Version
	if len(s.Platforms) == 0 {
		s.Platforms = info.Platforms
	}
	if s.Native == "" && len(info.Platforms) > 0 {
		s.Native = info.Platforms[0]
	}
	if records, err := client.Usage(ctx); err == nil {
		s.Running, s.Cache = buildkit.Running(records), buildkit.Size(records)
	}
	return s
}

// dial connects to the builder; the client is nil if it is the embedded one and
// does not run.
func (m member) dial(ctx context.Context, opts Options) (*buildkit.Client, error) {
	if m.err != nil {
		return nil, m.err
	}
	endpoint := m.endpoint
	if endpoint == "" {
		var running bool
		if endpoint, running = engine.Running(ctx, opts.Engine); !running {
			return nil, nil
		}
	}
	return buildkit.New(ctx, buildkit.Options{Endpoint: endpoint, TLS: m.tls})
}

// Usage is the cache of one builder.
type Usage struct {
	Name string `json:"name"`
	// Error is why it could not be asked, "" if it could.
	Error   string            `json:"error,omitempty"`
	Records []buildkit.Record `json:"records"`
}

// Usages lists the caches of the builders with the names, all if there are
// none. The embedded one is left out when it does not run.
func Usages(ctx context.Context, opts Options, names []string) ([]Usage, error) {
	return opts.eachCache(ctx, names, (*buildkit.Client).Usage)
}

// Prune removes from the caches of the builders with the names, all if there
// are none, and returns what was removed.
func Prune(ctx context.Context, opts Options, names []string, what buildkit.PruneOptions) ([]Usage, error) {
	return opts.eachCache(ctx, names, func(c *buildkit.Client, ctx context.Context) ([]buildkit.Record, error) {
		return c.Prune(ctx, what)
	})
}

func (o Options) eachCache(ctx context.Context, names []string, do func(*buildkit.Client, context.Context) ([]buildkit.Record, error)) ([]Usage, error) {
	members, err := named(o.discover(ctx, o.members()), names)
	if err != nil {
		return nil, err
	}
	out := make([]*Usage, len(members))
	atOnce(len(members), func(i int) {
		client, err := members[i].dial(ctx, o)
		if client == nil && err == nil {
			return
		}
		u := &Usage{Name: members[i].name, Records: []buildkit.Record{}}
		out[i] = u
		if err == nil {
			defer client.Close()
			u.Records, err = do(client, ctx)
		}
		if err != nil {
			u.Error = err.Error()
		}
	})
	var found []Usage
	for _, u := range out {
		if u != nil {
			found = append(found, *u)
		}
	}
	return found, nil
}

// named are the members with the names, all if there are none. An endpoint is a
// name too.
func named(members []member, names []string) ([]member, error) {
	if len(names) == 0 {
		return members, nil
	}
	var out []member
	for _, name := range names {
		i := slices.IndexFunc(members, func(m member) bool { return m.name == name })
		switch {
		case i >= 0:
			out = append(out, members[i])
		case strings.Contains(name, "://"):
			out = append(out, member{name: name, endpoint: name})
		default:
			return nil, fmt.Errorf("there is no builder %q: stowage builder ls lists them", name)
		}
	}
	return out, nil
}
