package buildkit

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer" // docker-container://
	_ "github.com/moby/buildkit/client/connhelper/kubepod"         // kube-pod://
	_ "github.com/moby/buildkit/client/connhelper/podmancontainer" // podman-container://
	_ "github.com/moby/buildkit/client/connhelper/ssh"             // ssh://
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"

	"github.com/stowage-build/stowage/executor"
)

// connectTimeout bounds the first answer of a daemon.
const connectTimeout = 20 * time.Second

// TLS names PEM files for a tcp endpoint.
type TLS struct{ CA, Cert, Key, ServerName string }

// Options are how a client is made.
type Options struct {
	// Endpoint is unix://, tcp://, ssh://, docker-container://,
	// podman-container:// or kube-pod://.
	Endpoint string
	TLS      *TLS
	// Store is where dependencies come from and images go.
	Store content.Store
	// Insecure are hosts of registries to which images may be pushed over plain
	// http, or with a certificate that nobody vouches for.
	Insecure []string
}

// Client builds on one daemon. It is safe for concurrent use.
type Client struct {
	endpoint string
	tls      *TLS
	store    *store
	buildkit *client.Client
	auth     session.Attachable
	insecure []string
	info     Info
	shared   sharedSession
}

var _ executor.Builder = (*Client)(nil)

// Info is what a daemon says of itself.
type Info struct {
	Version string
	// Platforms are normalised, the native one first.
	Platforms []string
}

// New connects to a daemon and asks what it is. An error for which
// executor.Transient reports true means that it cannot be reached.
func New(ctx context.Context, opts Options) (*Client, error) {
	clientOpts, err := opts.clientOpts()
	if err != nil {
		return nil, err
	}
	bk, err := client.New(ctx, opts.Endpoint, clientOpts...)
	if err != nil {
		return nil, fmt.Errorf("connect to builder %s: %w", opts.Endpoint, err)
	}
	c := &Client{
		endpoint: opts.Endpoint, tls: opts.TLS, store: &store{Store: opts.Store}, buildkit: bk, insecure: opts.Insecure,
		auth: authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
			AuthConfigProvider: authprovider.LoadAuthConfig(config.LoadDefaultConfigFile(nil)),
		}),
	}
	if c.info, err = c.ask(ctx, connectTimeout); err != nil {
		_ = bk.Close()
		return nil, err
	}
	return c, nil
}

func (o Options) clientOpts() ([]client.ClientOpt, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("builder %q: write an endpoint such as unix:///run/buildkit/buildkitd.sock or tcp://HOST:1234", o.Endpoint)
	}
	if o.TLS == nil {
		return nil, nil
	}
	var opts []client.ClientOpt
	switch {
	case o.TLS.CA != "":
		opts = append(opts, client.WithServerConfig(o.TLS.ServerName, o.TLS.CA))
	default:
		opts = append(opts, client.WithServerConfigSystem(o.TLS.ServerName))
	}
	if o.TLS.Cert != "" {
		opts = append(opts, client.WithCredentials(o.TLS.Cert, o.TLS.Key))
	}
	return opts, nil
}

// ask asks the daemon for its workers and waits for the answer as long as the
// limit.
func (c *Client) ask(ctx context.Context, limit time.Duration) (Info, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	workers, err := c.buildkit.ListWorkers(waiting)
	if err != nil {
		refused := c.refusedTLS(ctx, err)
		switch {
		case refused != nil:
			return Info{}, fmt.Errorf("connect to builder %s: %w", c.endpoint, refused)
		case ctx.Err() == nil && waiting.Err() != nil:
			err = &lostError{fmt.Errorf("no answer within %s", limit)}
		default:
			err = lost(ctx, err)
		}
		return Info{}, fmt.Errorf("connect to builder %s: %w; see that BuildKit listens there, or build elsewhere with --builder", c.endpoint, err)
	}
	if len(workers) == 0 {
		return Info{}, fmt.Errorf("builder %s has no worker", c.endpoint)
	}
	info := Info{Version: workers[0].BuildkitVersion.Version}
	for _, p := range workers[0].Platforms {
		text := platforms.Format(platforms.Normalize(p))
		if !slices.Contains(info.Platforms, text) {
			info.Platforms = append(info.Platforms, text)
		}
	}
	return info, nil
}

// Endpoint is where the daemon is.
func (c *Client) Endpoint() string { return c.endpoint }

// Info is what the daemon said of itself when the client connected.
func (c *Client) Info() Info { return c.info }

// Ping asks the daemon, over the connection that there is, whether it is there
// and what it is. Without an answer within the limit it is taken for lost.
func (c *Client) Ping(ctx context.Context, limit time.Duration) (Info, error) {
	return c.ask(ctx, limit)
}

// Close ends the connection.
func (c *Client) Close() error {
	c.shared.close()
	return c.buildkit.Close()
}
