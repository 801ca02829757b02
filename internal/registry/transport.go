package registry

import (
	"cmp"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"
)

// transportOptions make one host's transport.
type transportOptions struct {
	base   http.RoundTripper
	host   string
	config HostConfig
	retry  retryPolicy
	agent  string
	stall  time.Duration
	// waiting is told of hosts that are slow to give their first answer.
	waiting func(host string)
}

// newTransport puts together what each request to the host, and to its token
// server, passes.
func newTransport(o transportOptions) http.RoundTripper {
	plain := o.config.Insecure || isLoopback(o.host)
	limited := &limitTransport{
		inner: newAnswerTransport(&stallTransport{o.base, cmp.Or(o.stall, DefaultStallLimit)}, plain, o.waiting),
		slots: semaphore.NewWeighted(int64(cmp.Or(o.config.Limit, DefaultLimit))),
		rate:  rate.NewLimiter(rate.Inf, 1),
	}
	if o.config.MaxRequestsPerSecond > 0 {
		limited.rate = rate.NewLimiter(rate.Limit(o.config.MaxRequestsPerSecond), max(1, int(o.config.MaxRequestsPerSecond/10)))
	}
	var rt http.RoundTripper = &retryTransport{inner: newBreaker(limited, o.host, o.retry), policy: o.retry}
	if !plain {
		rt = &secureTransport{inner: rt, host: o.host}
	}
	return transport.NewUserAgent(&pingMemory{inner: rt, host: o.host, known: map[string]*ping{}}, o.agent)
}

// isLoopback reports whether the host is this machine by its name alone.
func isLoopback(host string) bool {
	h := host
	if name, _, err := net.SplitHostPort(host); err == nil {
		h = name
	}
	h = strings.Trim(h, "[]")
	if h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return true
	}
	ip := net.ParseIP(h)
	return ip != nil && ip.IsLoopback()
}

// limitTransport bounds requests at once, counted until their answer is read,
// and requests per second.
type limitTransport struct {
	inner http.RoundTripper
	slots *semaphore.Weighted
	rate  *rate.Limiter
}

func (t *limitTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.slots.Acquire(req.Context(), 1); err != nil {
		return nil, err
	}
	release := sync.OnceFunc(func() { t.slots.Release(1) })
	if err := t.rate.Wait(req.Context()); err != nil {
		release()
		return nil, err
	}
	resp, err := t.inner.RoundTrip(req)
	if err != nil {
		release()
		return nil, err
	}
	resp.Body = &releasingBody{ReadCloser: resp.Body, release: release}
	return resp, nil
}

type releasingBody struct {
	io.ReadCloser
	release func()
}

func (b *releasingBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}

// errPlainHTTP is the error of a host that would be spoken to in the clear
// without being called insecure.
var errPlainHTTP = errors.New("plain http is not permitted for this registry")

// secureTransport refuses plain http to the host: go-containerregistry would
// fall back to it for private addresses.
type secureTransport struct {
	inner http.RoundTripper
	host  string
}

func (t *secureTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "http" && req.URL.Host == t.host {
		return nil, errPlainHTTP
	}
	return t.inner.RoundTrip(req)
}

// pingMemory answers GET /v2/ from memory once the host has answered: the
// handshake of every further token begins with that request. Refusals to speak
// https are remembered as well; other errors are not.
type pingMemory struct {
	inner http.RoundTripper
	host  string

	mu    sync.Mutex
	known map[string]*ping // by scheme
}

type ping struct {
	status int
	header http.Header
	err    error
}

func (t *pingMemory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet || req.URL.Host != t.host || req.URL.Path != "/v2/" {
		return t.inner.RoundTrip(req)
	}
	t.mu.Lock()
	p, ok := t.known[req.URL.Scheme]
	t.mu.Unlock()
	if ok {
		return p.answer(req)
	}
	resp, err := t.inner.RoundTrip(req)
	switch {
	case err == nil && (resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusUnauthorized):
		p = &ping{status: resp.StatusCode, header: resp.Header.Clone()}
	case err != nil && untrusted(err):
		p = &ping{err: err}
	default:
		return resp, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known[req.URL.Scheme] = p
	return resp, err
}

func (p *ping) answer(req *http.Request) (*http.Response, error) {
	if p.err != nil {
		return nil, p.err
	}
	return &http.Response{
		StatusCode: p.status, Status: http.StatusText(p.status),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: p.header.Clone(), Body: http.NoBody, Request: req,
	}, nil
}
