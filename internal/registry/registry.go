package registry

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
)

// Store is where images are pushed from and pulled into.
type Store interface {
	// Index returns the index under ref, or an error that wraps
	// errdefs.ErrNotFound.
	Index(ctx context.Context, ref string) (*ocispec.Index, error)
	// Content is the store's blobs.
	Content() content.Store
}

// Defaults of Options and HostConfig.
const (
	// DefaultLimit is how many requests a host is sent at once.
	DefaultLimit = 16
	// DefaultTries is how often a request is sent before a transient fault
	// counts.
	DefaultTries = 5
	// DefaultRetryInterval is the wait before the second try; it doubles from
	// try to try.
	DefaultRetryInterval = 250 * time.Millisecond
)

// Options make a Registry.
type Options struct {
	// Store is what Pull writes into and Push reads from. Lookup and Tag do
	// not need one.
	Store Store
	// Keychain has the credentials; nil is authn.DefaultKeychain: the Docker
	// config, its helpers, and Podman's.
	Keychain authn.Keychain
	// Hosts says how to reach single hosts: by host[:port] as in references.
	Hosts map[string]HostConfig
	// UserAgent is put in front of the library's own.
	UserAgent string
	// Transport makes the requests; nil is a connection pool for all hosts.
	// With a Transport given, hosts may have no CAFile.
	Transport http.RoundTripper
	// RetryInterval and Tries default to the constants of those names.
	RetryInterval time.Duration
	Tries         int
	// StallLimit is how long a host may send or take nothing in the midst of a
	// content; 0 is DefaultStallLimit. Then the transfer is begun anew.
	StallLimit time.Duration
	// Waiting is told, once, of a host that is slow to give its first answer;
	// it may be called by any goroutine. nil is nobody.
	Waiting func(host string)
}

// HostConfig says how to reach one registry host.
type HostConfig struct {
	// Insecure permits plain http and certificates that nobody vouches for.
	// Loopback hosts may use plain http anyway.
	Insecure bool
	// Mirrors are host[:port][/path] of registries that have the same content.
	// They are asked first for what has a digest, and by Resolve; what else a
	// tag points at only the host itself knows.
	Mirrors []string
	// CAFile is a PEM file of certificate authorities to trust besides the
	// system's.
	CAFile string
	// MaxRequestsPerSecond bounds the rate of requests; 0 is no bound.
	MaxRequestsPerSecond float64
	// Limit bounds the number of requests at once; 0 is DefaultLimit.
	Limit int
}

// Registry is all registries. It is safe for concurrent use.
type Registry struct {
	store    Store
	keychain authn.Keychain
	hosts    map[string]HostConfig
	agent    string
	stall    time.Duration
	waiting  func(host string)
	pools    *pools
	retry    retryPolicy
	known    known

	mu       sync.Mutex
	sessions map[string]*session
}

var _ executor.Registry = (*Registry)(nil)

// New returns a Registry. Nothing is contacted before it is used; an error is
// about a CAFile or the name of a mirror.
func New(opts Options) (*Registry, error) {
	pools, err := newPools(opts)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		store:    opts.Store,
		keychain: opts.Keychain,
		hosts:    map[string]HostConfig{},
		agent:    opts.UserAgent,
		stall:    opts.StallLimit,
		waiting:  opts.Waiting,
		pools:    pools,
		retry: retryPolicy{
			interval: cmp.Or(opts.RetryInterval, DefaultRetryInterval),
			tries:    cmp.Or(opts.Tries, DefaultTries),
		},
		sessions: map[string]*session{},
	}
	if r.keychain == nil {
		r.keychain = authn.DefaultKeychain
	}
	for host, config := range opts.Hosts {
		for _, mirror := range config.Mirrors {
			if err := checkMirror(mirror); err != nil {
				return nil, fmt.Errorf("registry %s: mirror %q: want host[:port][/path]: %w", host, mirror, err)
			}
		}
		r.hosts[canonicalHost(host)] = config
	}
	return r, nil
}

// checkMirror refuses what is not host[:port][/path].
func checkMirror(mirror string) error {
	host, _, _ := strings.Cut(mirror, "/")
	if _, err := name.NewRegistry(host); err != nil {
		return err
	}
	_, err := reference.WithName(strings.TrimSuffix(mirror, "/") + "/repository")
	return err
}

// canonicalHost is the host as go-containerregistry calls it: Docker's has
// several names.
func canonicalHost(host string) string {
	host = strings.TrimSuffix(host, "/")
	if host == "docker.io" || host == "registry-1.docker.io" {
		return name.DefaultRegistry
	}
	return host
}

// parse reads repository:tag.
func (r *Registry) parse(ref string) (name.Tag, error) {
	tag, err := name.NewTag(ref)
	if err != nil {
		return name.Tag{}, fmt.Errorf("parse reference %q: %w", ref, err)
	}
	if r.hosts[tag.RegistryStr()].Insecure {
		tag, err = name.NewTag(ref, name.Insecure)
	}
	return tag, err
}

// repository returns the client for a repository.
func (r *Registry) repository(repo name.Repository) *repository {
	return &repository{name: repo, session: r.session(repo.Registry), retry: r.retry, known: &r.known}
}

func (r *Registry) session(reg name.Registry) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	host := reg.RegistryStr()
	s, ok := r.sessions[host]
	if !ok {
		config := r.hosts[host]
		s = &session{
			registry: reg,
			keychain: r.keychain,
			transport: newTransport(transportOptions{
				base: r.pools.of(host), host: host, config: config, retry: r.retry, agent: r.agent, stall: r.stall, waiting: r.waiting,
			}),
			clients: map[string]*http.Client{},
		}
		r.sessions[host] = s
	}
	return s
}
