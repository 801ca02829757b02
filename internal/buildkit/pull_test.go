package buildkit_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/testenv"
)

// status answers with a status and nothing else.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hangUp breaks the connection in the middle of an answer.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, "{")
	panic(http.ErrAbortHandler)
}

// TestFaultsOfPulls: faults of the registry that a base image is pulled from
// may go away; refusals do not. The builder is to blame for neither.
func TestFaultsOfPulls(t *testing.T) {
	endpoint := start(t)
	s := openStore(t)
	client := connect(t, endpoint, s)
	reg := testenv.NewRegistry(t)
	testenv.BaseImage(t, reg)
	round := 0
	for _, kind := range []string{"manifests", "blobs"} {
		for name, c := range map[string]struct {
			fault     http.HandlerFunc
			transient bool
		}{
			"408": {status(408), true}, "429": {status(429), true}, "500": {status(500), true}, "502": {status(502), true},
			"503": {status(503), true}, "504": {status(504), true}, "hang up": {hangUp, true},
			"401": {status(401), false}, "403": {status(403), false}, "404": {status(404), false},
		} {
			round++
			t.Run(kind+" "+name, func(t *testing.T) {
				faults := testenv.NewFaults(reg.Host)
				defer faults.Close()
				faults.Answer(func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.Contains(r.URL.Path, "/"+kind+"/") {
						return false
					}
					c.fault(w, r)
					return true
				})
				b := &bench{Client: client, store: s}
				req := b.request(fmt.Sprintf("FROM %s/busybox:1", faults.Host), fmt.Sprintf("RUN echo %d", round))
				req.Images = nil
				_, err := client.Build(t.Context(), req, ignore)
				if err == nil || executor.Transient(err) != c.transient || executor.Lost(err) {
					t.Errorf("error is %v (%T), transient %v, lost %v", err, err, executor.Transient(err), executor.Lost(err))
				}
			})
		}
	}
	t.Run("refused", func(t *testing.T) {
		faults := testenv.NewFaults(reg.Host)
		faults.Close()
		b := &bench{Client: client, store: s}
		req := b.request(fmt.Sprintf("FROM %s/busybox:1", faults.Host))
		req.Images = nil
		if _, err := client.Build(t.Context(), req, ignore); !executor.Transient(err) || executor.Lost(err) {
			t.Errorf("error is %v", err)
		}
	})
}
