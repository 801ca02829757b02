package testenv

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// Faults passes requests on to a registry, so that a test can answer some of
// them itself.
type Faults struct {
	// Host is its host:port.
	Host string

	server *httptest.Server
	proxy  *httputil.ReverseProxy

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) bool
}

// NewFaults passes requests on to the registry at host, over plain http. The
// caller closes it.
func NewFaults(host string) *Faults {
	f := &Faults{}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: host})
			r.Out.Host = r.In.Host // where the registry says that uploads go
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	f.server = httptest.NewUnstartedServer(f)
	f.server.Config.ErrorLog = f.proxy.ErrorLog
	f.server.Start()
	f.Host = strings.TrimPrefix(f.server.URL, "http://")
	return f
}

// Answer has answer look at each request first: it reports whether it has
// answered. nil passes everything on.
func (f *Faults) Answer(answer func(http.ResponseWriter, *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// ServeHTTP answers or passes on.
func (f *Faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil || !answer(w, r) {
		f.proxy.ServeHTTP(w, r)
	}
}

// Close ends all connections.
func (f *Faults) Close() {
	f.server.CloseClientConnections()
	f.server.Close()
}
