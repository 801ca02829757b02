package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spanCollector is a collector of spans, by trace and name.
type spanCollector struct {
	mu    sync.Mutex
	seen  map[string]map[string]int
	roots map[string]string // traces by the name of the command
}

// traceCommands are the scripts' commands that look at traces.
func traceCommands() map[string]func(*testscript.TestScript, bool, []string) {
	var all sync.Map // collectors by script
	return map[string]func(*testscript.TestScript, bool, []string){
		"collector": func(ts *testscript.TestScript, _ bool, _ []string) {
			c := &spanCollector{seen: map[string]map[string]int{}, roots: map[string]string{}}
			server := httptest.NewServer(c)
			ts.Defer(server.Close)
			ts.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
			all.Store(ts.Getenv("WORK"), c)
		},
		"trace": func(ts *testscript.TestScript, neg bool, args []string) {
			if len(args) < 2 {
				ts.Fatalf("usage: [!] trace COMMAND SPAN…")
			}
			c, ok := all.Load(ts.Getenv("WORK"))
			if !ok {
				ts.Fatalf("no collector")
			}
			for _, name := range args[1:] {
				if err := c.(*spanCollector).wait("stowage "+args[0], name, neg); err != nil {
					ts.Fatalf("%v", err)
				}
			}
		},
	}
}

// ServeHTTP takes spans as OTLP over HTTP sends them.
func (c *spanCollector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	req := &collector.ExportTraceServiceRequest{}
	if err := errors.Join(err, proto.Unmarshal(body, req)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, res := range req.GetResourceSpans() {
		for _, scope := range res.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				id := string(s.GetTraceId())
				if c.seen[id] == nil {
					c.seen[id] = map[string]int{}
				}
				c.seen[id][s.GetName()]++
				if len(s.GetParentSpanId()) == 0 {
					c.roots[s.GetName()] = id
				}
			}
		}
	}
}

// wait waits until a command's trace has a span with a name that begins so, as
// builders send theirs a while later; absent says that it must not have one.
func (c *spanCollector) wait(command, name string, absent bool) error {
	const attempts = 100
	var names []string
	for range attempts {
		c.mu.Lock()
		names = names[:0]
		found := false
		for span := range c.seen[c.roots[command]] {
			names = append(names, span)
			found = found || strings.HasPrefix(span, name)
		}
		c.mu.Unlock()
		switch {
		case absent && found:
			return fmt.Errorf("%s has a span %q", command, name)
		case absent || found:
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("%s has no span %q, but %q", command, name, names)
}
