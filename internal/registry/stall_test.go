package registry_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/internal/testenv"
)

// stalling is a real registry behind a proxy, which stops in the midst of the
// first n times that a large blob is sent, or asked for again.
func stalling(t *testing.T) (host string, stall func(n int32, method string)) {
	t.Helper()
	var sent atomic.Value
	faults := testenv.NewFaults(distribution(t, ""))
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended); faults.Close() })
	return faults.Host, func(n int32, method string) {
		faults.Answer(failing(n,
			func(r *http.Request) bool {
				if r.ContentLength > int64(len(endless)) {
					sent.Store(r.URL.Query().Get("digest"))
				}
				digest, _ := sent.Load().(string)
				return r.Method == method && digest != "" && (r.URL.Query().Get("digest") == digest || strings.HasSuffix(r.URL.Path, digest))
			},
			func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPut {
					_, _ = io.CopyN(io.Discard, r.Body, 1000)
				} else {
					w.Header().Set("Content-Length", "100000")
					_, _ = w.Write(make([]byte, 1000))
					_ = http.NewResponseController(w).Flush()
				}
				select {
				case <-ended:
				case <-r.Context().Done():
				}
			}))
	}
}

// endless is content that no socket takes the whole of.
var endless = randomText(32 << 20)

// TestTransfersThatStall are begun anew, and fail when they go on stalling.
func TestTransfersThatStall(t *testing.T) {
	host, stall := stalling(t)
	opts := registry.Options{StallLimit: 200 * time.Millisecond, Tries: 3, RetryInterval: time.Millisecond}
	from, to := machine(t, opts), machine(t, opts)
	ref := host + "/acme/app:1"
	put(t, from, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{endless}})

	push := func() error { _, err := from.Registry.Push(t.Context(), ref, executor.PushOptions{}); return err }
	pull := func() error { _, err := to.Registry.Pull(t.Context(), ref, "linux/amd64"); return err }
	for _, c := range []struct {
		what, method string
		do           func() error
		want         string
	}{
		{"push", http.MethodPut, push, "the registry took nothing for 200ms"},
		{"pull", http.MethodGet, pull, "the registry sent nothing for 200ms"},
	} {
		stall(1000, c.method)
		if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) || !executor.Transient(err) {
			t.Errorf("%s: %v; want %q, transient", c.what, err, c.want)
		}
		stall(1, c.method)
		if err := c.do(); err != nil {
			t.Errorf("%s that stalls once: %v", c.what, err)
		}
	}
}
