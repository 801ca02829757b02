package registry

import (
	"net/http"
	"slices"
	"sync"
)

// Counter is a transport that remembers what was asked, for tests and
// benchmarks of how many requests something takes.
type Counter struct {
	// Next makes the requests; nil is http.DefaultTransport.
	Next http.RoundTripper

	mu       sync.Mutex
	requests []string
}

// RoundTrip makes the request. Attempts that get no answer do not count.
func (c *Counter) RoundTrip(req *http.Request) (*http.Response, error) {
	next := c.Next
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(req)
	if err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.requests = append(c.requests, req.Method+" "+req.URL.Path)
	}
	return resp, err
}

// Requests returns, and forgets, the requests so far as "GET /v2/…".
func (c *Counter) Requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := slices.Clone(c.requests)
	c.requests = nil
	return all
}
