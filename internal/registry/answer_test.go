package registry

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// quiet is a registry that takes requests and says nothing, but to those that
// it speaks to.
type quiet struct {
	mu    sync.Mutex
	seen  []string
	speak func(*http.Request) bool
}

func (q *quiet) RoundTrip(req *http.Request) (*http.Response, error) {
	q.mu.Lock()
	q.seen = append(q.seen, req.Method+" "+req.URL.Scheme)
	q.mu.Unlock()
	if q.speak == nil || !q.speak(req) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("well")), Request: req}, nil
}

// hushed makes the transport of a host, which says that it waits to told.
func hushed(q *quiet, config HostConfig, told func(string)) http.RoundTripper {
	return newTransport(transportOptions{
		base: q, host: "r.example", config: config, waiting: told,
		retry: retryPolicy{interval: DefaultRetryInterval, tries: DefaultTries},
	})
}

// TestHostThatSaysNothing: it is said that it is waited for, and the wait ends;
// nobody waits a second time.
func TestHostThatSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 2)
		q := &quiet{}
		rt := hushed(q, HostConfig{}, func(host string) { told <- host })
		for i, want := range []time.Duration{firstAnswerLimit, 0} {
			start := time.Now()
			_, err := ask(t, t.Context(), rt, "https://r.example/v2/a/manifests/1")
			if err == nil || !strings.Contains(err.Error(), "no answer within 20s") || time.Since(start) != want {
				t.Errorf("request %d: %v after %s, want %s", i, err, time.Since(start), want)
			}
		}
		if n := len(told); n != 1 || <-told != "r.example" || len(q.seen) != 1 {
			t.Errorf("told %d times, sent %q", n, q.seen)
		}
	})
}

// TestPlainAfterSilence: one that does not understand https, and says nothing,
// is asked in plain http where that is permitted.
func TestPlainAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &quiet{speak: func(req *http.Request) bool { return req.URL.Scheme == "http" }}
		rt := hushed(q, HostConfig{Insecure: true}, nil)
		if _, err := ask(t, t.Context(), rt, "https://r.example/v2/"); err == nil {
			t.Error("https has an answer")
		}
		resp, err := ask(t, t.Context(), rt, "http://r.example/v2/")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "well" || resp.Body.Close() != nil {
			t.Errorf("%q, %v", body, err)
		}
	})
}

// TestHostFallsSilent: what has answered before gets a minute for each try,
// and uploads their time.
func TestHostFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spoken := false
		q := &quiet{speak: func(req *http.Request) bool {
			if req.Method == http.MethodPut {
				time.Sleep(3 * time.Minute)
				return true
			}
			first := !spoken
			spoken = true
			return first
		}}
		rt := hushed(q, HostConfig{}, func(string) { t.Error("it is waited for") })
		if _, err := ask(t, t.Context(), rt, "https://r.example/v2/a/manifests/1"); err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "https://r.example/v2/a/blobs/uploads/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("the upload: %v", err)
		}
		start := time.Now()
		_, err = ask(t, t.Context(), rt, "https://r.example/v2/a/manifests/1")
		if err == nil || !strings.Contains(err.Error(), "no answer within 1m0s") || time.Since(start) > 10*time.Minute {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}
