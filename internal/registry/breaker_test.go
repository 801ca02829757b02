package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// switched is a registry that a test switches on and off.
type switched struct {
	mu     sync.Mutex
	off    bool
	header string // Retry-After of what it answers when it is off, "" to refuse
	seen   int
}

func (s *switched) set(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
}

func (s *switched) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("well")), Request: req}
	switch {
	case !s.off:
	case s.header == "":
		return nil, syscall.ECONNREFUSED
	default:
		resp.StatusCode = http.StatusTooManyRequests
		resp.Header.Set("Retry-After", s.header)
		resp.Body = io.NopCloser(strings.NewReader("slow down"))
	}
	return resp, nil
}

// ask sends a request as operations do, with retries.
func ask(t *testing.T, ctx context.Context, rt http.RoundTripper, url string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rt.RoundTrip(req)
}

func breaking(s *switched) http.RoundTripper {
	policy := retryPolicy{interval: DefaultRetryInterval, tries: DefaultTries}
	return &retryTransport{inner: newBreaker(s, "r.example", policy), policy: policy}
}

// TestHostThatComesBack: requests to a host that has answered wait while it is
// down, few of them are sent, and all succeed when it is back.
func TestHostThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{}
		rt := breaking(s)
		if _, err := ask(t, t.Context(), rt, "http://r.example/v2/"); err != nil {
			t.Fatal(err)
		}
		s.set(true)
		time.AfterFunc(40*time.Second, func() { s.set(false) })
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := ask(t, t.Context(), rt, "http://r.example/v2/a/manifests/1"); err != nil {
					t.Errorf("error is %v", err)
				}
			})
		}
		all.Wait()
		if s.seen > 220 {
			t.Errorf("%d requests were sent", s.seen)
		}
	})
}

// TestOneRequestWaits: as long as many do.
func TestOneRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{}
		rt := breaking(s)
		if _, err := ask(t, t.Context(), rt, "http://r.example/v2/"); err != nil {
			t.Fatal(err)
		}
		s.set(true)
		time.AfterFunc(40*time.Second, func() { s.set(false) })
		if _, err := ask(t, t.Context(), rt, "http://r.example/v2/a/manifests/1"); err != nil {
			t.Errorf("error is %v", err)
		}
		s.set(true)
		started := time.Now()
		req, err := http.NewRequestWithContext(once(t.Context()), http.MethodPut, "http://r.example/v2/x", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rt.RoundTrip(req); !errors.Is(err, syscall.ECONNREFUSED) || time.Since(started) > time.Second {
			t.Errorf("what is not to be repeated: %v after %v", err, time.Since(started))
		}
	})
}

// TestHostThatStaysAway: after a minute everything gets the last fault at once,
// and a request now and then finds out when the host is back.
func TestHostThatStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{}
		rt := breaking(s)
		if _, err := ask(t, t.Context(), rt, "http://r.example/v2/"); err != nil {
			t.Fatal(err)
		}
		s.set(true)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := ask(t, t.Context(), rt, "http://r.example/v2/x"); !errors.Is(err, syscall.ECONNREFUSED) {
					t.Errorf("error is %v", err)
				}
			})
		}
		all.Wait()
		before := s.seen
		for range 50 {
			if _, err := ask(t, t.Context(), rt, "http://r.example/v2/x"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("error is %v", err)
			}
		}
		if sent := s.seen - before; sent > 60 {
			t.Errorf("%d requests were sent to a host that is away", sent)
		}
		s.set(false)
		time.Sleep(maxInterval)
		if _, err := ask(t, t.Context(), rt, "http://r.example/v2/x"); err != nil {
			t.Errorf("when it is back: %v", err)
		}
		if resp, err := ask(t, t.Context(), rt, "http://token.example/"); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("another host: %v", err)
		}
	})
}

// TestHostThatNeverAnswered is not waited for.
func TestHostThatNeverAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{off: true}
		rt := breaking(s)
		started := time.Now()
		for range 4 {
			if _, err := ask(t, t.Context(), rt, "http://r.example/v2/"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("error is %v", err)
			}
		}
		if took := time.Since(started); took > 40*time.Second {
			t.Errorf("four requests took %v", took)
		}
	})
}

// TestRetryAfterHoldsAll: when one request is told to wait, so do the others.
func TestRetryAfterHoldsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{off: true, header: "30"}
		rt := breaking(s)
		time.AfterFunc(29*time.Second, func() { s.set(false) })
		started := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				resp, err := ask(t, t.Context(), rt, "http://r.example/v2/x")
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("answer is %v, %v", resp, err)
				}
			})
		}
		all.Wait()
		if s.seen != 21 || time.Since(started) < 30*time.Second {
			t.Errorf("%d requests were sent in %v, want one that is told to wait and then all", s.seen, time.Since(started))
		}
	})
}

// TestWaitForHostEnds: with the context.
func TestWaitForHostEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &switched{off: true, header: "100"}
		rt := breaking(s)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		started := time.Now()
		for range 2 {
			if _, err := ask(t, ctx, rt, "http://r.example/v2/x"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error is %v", err)
			}
		}
		if took := time.Since(started); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
