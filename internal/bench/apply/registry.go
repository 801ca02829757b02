package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"

	"github.com/stowage-build/stowage/internal/testenv"
)

// registry is a real one behind a proxy that counts requests.
type registry struct {
	host     string
	requests atomic.Int64
	behind   *testenv.Registry
	server   *http.Server
}

func startRegistry(dir string) (*registry, error) {
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
	r := &registry{host: listener.Addr().String(), behind: behind}
	target := &url.URL{Scheme: "http", Host: behind.Host}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			r.requests.Add(1)
			p.SetURL(target)
			p.Out.Host = p.In.Host // uploads go on where the registry says it is
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}
	r.server = &http.Server{Handler: proxy}
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

func (r *registry) stop() error { return errors.Join(r.server.Close(), r.behind.Stop()) }
