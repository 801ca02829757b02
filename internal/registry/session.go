package registry

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// session is what is known of one registry host.
type session struct {
	registry  name.Registry
	keychain  authn.Keychain
	transport http.RoundTripper

	mu        sync.Mutex
	challenge *transport.Challenge
	clients   map[string]*lazyClient
}

// lazyClient is a client that is made by the first who needs it. Others wait
// for it; when making it failed, the next one tries.
type lazyClient struct {
	mu     sync.Mutex
	client *http.Client
}

// client returns a client that may do what the scopes say. Registries that
// want tokens have one client for each set of scopes, others one for all.
func (s *session) client(ctx context.Context, scopes ...string) (*http.Client, error) {
	challenge, err := s.ping(ctx)
	if err != nil {
		return nil, fmt.Errorf("ping %s: %w", s.registry, err)
	}
	key := ""
	if strings.EqualFold(challenge.Scheme, "bearer") {
		key = strings.Join(scopes, " ")
	}
	lazy := s.lazy(key)
	lazy.mu.Lock()
	defer lazy.mu.Unlock()
	if lazy.client != nil {
		return lazy.client, nil
	}
	auth, err := authn.Resolve(ctx, s.keychain, s.registry)
	if err != nil {
		return nil, fmt.Errorf("read the credentials for %s: %w", s.registry, err)
	}
	rt, err := transport.NewWithContext(ctx, s.registry, auth, s.transport, slices.Clone(scopes))
	if err != nil {
		return nil, fmt.Errorf("log in at %s: %w", s.registry, err)
	}
	lazy.client = &http.Client{Transport: rt}
	return lazy.client, nil
}

// ping finds out how the host wants to be spoken to, once.
func (s *session) ping(ctx context.Context) (*transport.Challenge, error) {
	s.mu.Lock()
	challenge := s.challenge
	s.mu.Unlock()
	if challenge != nil {
		return challenge, nil
	}
	challenge, err := transport.Ping(ctx, s.registry, s.transport)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.challenge = challenge
	return challenge, nil
}

func (s *session) lazy(key string) *lazyClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	lazy, ok := s.clients[key]
	if !ok {
		lazy = &lazyClient{}
		s.clients[key] = lazy
	}
	return lazy
}
