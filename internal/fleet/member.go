package fleet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/platforms"

	"github.com/stowage-build/stowage/internal/buildkit"
)

// Endpoint is one builder of the command line.
type Endpoint struct {
	// Address is SCHEME://…
	Address string
	// Platforms, normalised, are what it builds, and nobody else does; the
	// first is its own. None is all that no other endpoint is named for.
	Platforms []string
}

// ParseEndpoints reads ENDPOINT and PLATFORM[,PLATFORM…]=ENDPOINT.
func ParseEndpoints(texts []string) ([]Endpoint, error) {
	var out []Endpoint
	for _, text := range texts {
		e := Endpoint{Address: text}
		before, _, _ := strings.Cut(text, "://")
		if list, _, named := strings.Cut(before, "="); named {
			e.Address = text[len(list)+1:]
			for _, name := range strings.Split(list, ",") {
				p, err := platforms.Parse(strings.TrimSpace(name))
				if err != nil || !strings.Contains(name, "/") {
					return nil, fmt.Errorf("builder %q: %q is no platform: write ENDPOINT, or linux/arm64=ENDPOINT", text, name)
				}
				e.Platforms = append(e.Platforms, platforms.Format(platforms.Normalize(p)))
			}
		}
		if e.Address == "" {
			return nil, fmt.Errorf("builder %q has no endpoint: write linux/arm64=tcp://HOST:1234", text)
		}
		out = append(out, e)
	}
	return out, nil
}

// Natives are the platforms that endpoints are named for, and for each the
// endpoint's own.
func Natives(endpoints []Endpoint) map[string]string {
	out := map[string]string{}
	for _, e := range endpoints {
		for _, p := range e.Platforms {
			if out[p] == "" {
				out[p] = e.Platforms[0]
			}
		}
	}
	return out
}

// member is one builder of a fleet.
type member struct {
	name, endpoint string // endpoint is "" for the embedded one
	// of is the name of the endpoint that it was found at, mostly its own.
	of        string
	platforms []string
	except    []string
	native    string
	slots     int
	tls       *buildkit.TLS
	declared  bool
	// err is why its builders could not be found.
	err error
	// address is that of its host, where it was looked up.
	address netip.Addr
}

// members lists the builders in order of preference: those of the command line
// that are named for platforms; for all other platforms the other ones of the
// command line, or the declared, or the host's, or the embedded one. Those
// that build none of o.Platforms are left out.
func (o Options) members() []member {
	var named []string
	var out, others []member
	for _, e := range o.Endpoints {
		m := member{name: e.Address, endpoint: e.Address, platforms: e.Platforms, slots: o.defaultSlots()}
		if len(e.Platforms) > 0 {
			named = append(named, e.Platforms...)
			out = append(out, m)
		} else {
			others = append(others, m)
		}
	}
	if len(others) == 0 {
		others = o.withoutEndpoints()
	}
	for _, m := range others {
		if m.leave(named) {
			out = append(out, m)
		}
	}
	for i := range out {
		out[i].of = out[i].name
	}
	return slices.DeleteFunc(out, func(m member) bool { return !m.buildsAny(o.Platforms) })
}

// withoutEndpoints are the builders where the command line names none.
func (o Options) withoutEndpoints() []member {
	var out []member
	for _, b := range o.Declared {
		m := member{name: b.Name, endpoint: b.Endpoint, platforms: b.Platforms, native: b.Native, slots: b.Slots, declared: true}
		if b.TLS != nil {
			m.tls = &buildkit.TLS{
				CA: o.file(b.TLS.CA), Cert: o.file(b.TLS.Cert), Key: o.file(b.TLS.Key), ServerName: b.TLS.ServerName,
			}
		}
		out = append(out, m)
	}
	switch {
	case len(out) > 0:
		return out
	case o.Host != "":
		return []member{{name: o.Host, endpoint: o.Host, slots: o.defaultSlots()}}
	}
	return []member{{name: embedded, slots: o.defaultSlots()}}
}

// leave takes platforms that others build from a member, and reports whether
// it has any left.
func (m *member) leave(named []string) bool {
	if len(m.platforms) == 0 {
		m.except = named
		return true
	}
	m.platforms = slices.DeleteFunc(slices.Clone(m.platforms), func(p string) bool { return slices.Contains(named, p) })
	return len(m.platforms) > 0
}

// buildsAny reports whether the member builds one of the platforms; none is
// all.
func (m member) buildsAny(wanted []string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(p string) bool {
		return (len(m.platforms) == 0 || slices.Contains(m.platforms, p)) && !slices.Contains(m.except, p)
	})
}
