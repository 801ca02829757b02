package testenv

import (
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// Faults passes requests on to a registry, so that a test can answer some of
// them itself.
type Faults struct {
	// Host is its host:port.
	Host string

	server *httptest.Server
	proxy  *httputil.ReverseProxy

	stalled atomic.Int64 // requests that stall passes only a part of

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request) bool
	passes chan struct{} // closed when answer is another
}

// NewFaults passes requests on to the registry at host, over plain http. The
// caller closes it.
func NewFaults(host string) *Faults {
	f := &Faults{passes: make(chan struct{})}
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
	close(f.passes)
	f.passes = make(chan struct{})
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

// stall passes half of a request on, or half of its answer where it has no
// content, and the rest when Answer is called next.
func (f *Faults) stall(w http.ResponseWriter, r *http.Request) bool {
	f.mu.Lock()
	passes := f.passes
	f.mu.Unlock()
	wait := func() {
		f.stalled.Add(1)
		defer f.stalled.Add(-1)
		select {
		case <-passes:
		case <-r.Context().Done():
		}
	}
	if r.ContentLength > 0 {
		half := io.LimitReader(r.Body, r.ContentLength/2)
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(half, waitingReader(wait), r.Body), r.Body}
		return false
	}
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body[:len(body)/2]) // the client may have gone
	_ = http.NewResponseController(w).Flush()
	wait()
	_, _ = w.Write(body[len(body)/2:])
	return true
}

// waitingReader has nothing to read, once it has been waited for.
type waitingReader func()

// Read waits.
func (wait waitingReader) Read([]byte) (int, error) {
	wait()
	return 0, io.EOF
}

// Close ends all connections.
func (f *Faults) Close() {
	f.Answer(nil)
	f.server.CloseClientConnections()
	f.server.Close()
}
