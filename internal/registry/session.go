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
	"golang.org/x/sync/singleflight"
)

// session is what is known of one registry host.
type session struct {
	registry  name.Registry
	keychain  authn.Keychain
	transport http.RoundTripper

	// making has whoever needs something that is being made wait for it.
	making singleflight.Group

	mu        sync.Mutex
	challenge *transport.Challenge
	clients   map[string]*http.Client
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
	s.mu.Lock()
	client := s.clients[key]
	s.mu.Unlock()
	if client != nil {
		return client, nil
	}
	return shared(ctx, &s.making, "client "+key, func(ctx context.Context) (*http.Client, error) {
		client, err := s.newClient(ctx, scopes)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.clients[key] = client
		return client, nil
	})
}

func (s *session) newClient(ctx context.Context, scopes []string) (*http.Client, error) {
	auth, err := authn.Resolve(ctx, s.keychain, s.registry)
	if err != nil {
		return nil, fmt.Errorf("read the credentials for %s: %w", s.registry, err)
	}
	rt, err := transport.NewWithContext(ctx, s.registry, auth, s.transport, slices.Clone(scopes))
	if err != nil {
		return nil, fmt.Errorf("log in at %s: %w", s.registry, hideQuery(err))
	}
	return &http.Client{Transport: rt}, nil
}

// ping finds out how the host wants to be spoken to, once.
func (s *session) ping(ctx context.Context) (*transport.Challenge, error) {
	s.mu.Lock()
	challenge := s.challenge
	s.mu.Unlock()
	if challenge != nil {
		return challenge, nil
	}
	return shared(ctx, &s.making, "ping", func(ctx context.Context) (*transport.Challenge, error) {
		challenge, err := transport.Ping(ctx, s.registry, s.transport)
		if err != nil {
			return nil, hideQuery(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.challenge = challenge
		return challenge, nil
	})
}

// shared has all who want the same at the same time get one result. It goes on
// for the others when the first gives up.
func shared[T any](ctx context.Context, g *singleflight.Group, key string, f func(context.Context) (T, error)) (T, error) {
	result := g.DoChan(key, func() (any, error) { return f(context.WithoutCancel(ctx)) })
	var none T
	select {
	case r := <-result:
		if r.Err != nil {
			return none, r.Err
		}
		return r.Val.(T), nil
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
