package services

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/stowage-build/stowage/internal/testenv"
)

// Registry is a real one behind a proxy that counts.
type Registry struct {
	// Host is the proxy's host:port.
	Host string
	// Behind is the registry's own, where nothing is counted.
	Behind string
	// Data is the directory in which the registry's storage driver for file
	// systems keeps everything.
	Data string

	requests, received, sent atomic.Int64
	registry                 *testenv.Registry
	server                   *http.Server
}

// Traffic is what a registry was asked for, and the bytes of bodies that it
// got and gave.
type Traffic struct{ Requests, Received, Sent int64 }

// StartRegistry starts a registry that keeps everything below dir. The caller
// stops it.
func StartRegistry(dir string) (*Registry, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	behind, err := testenv.StartRegistry(dir)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, behind.Stop())
	}
	r := &Registry{Host: listener.Addr().String(), Behind: behind.Host, Data: filepath.Join(dir, "data"), registry: behind}
	target := &url.URL{Scheme: "http", Host: behind.Host}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			r.requests.Add(1)
			p.SetURL(target)
			p.Out.Host = p.In.Host // uploads go on where the registry says it is
			if p.Out.Body != nil && p.Out.Body != http.NoBody {
				p.Out.Body = counted{p.Out.Body, &r.received}
			}
		},
		ModifyResponse: func(resp *http.Response) error {
			resp.Body = counted{resp.Body, &r.sent}
			return nil
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	r.server = &http.Server{Handler: proxy}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Traffic is all since the start.
func (r *Registry) Traffic() Traffic {
	return Traffic{r.requests.Load(), r.received.Load(), r.sent.Load()}
}

// Since is what came after before.
func (t Traffic) Since(before Traffic) Traffic {
	return Traffic{t.Requests - before.Requests, t.Received - before.Received, t.Sent - before.Sent}
}

// Stop ends the registry. What it keeps stays.
func (r *Registry) Stop() error { return errors.Join(r.server.Close(), r.registry.Stop()) }

type counted struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n.Add(int64(n))
	return n, err
}
