package registry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type answers func(try int) (*http.Response, error)

// tryAll sends a request through the retries, with time standing still but for
// waits, and returns when each try was made.
func tryAll(t *testing.T, policy retryPolicy, answer answers) (waits []time.Duration, resp *http.Response, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		last := time.Now()
		rt := &retryTransport{policy: policy, inner: roundTripper(func(*http.Request) (*http.Response, error) {
			waits = append(waits, time.Since(last))
			last = time.Now()
			return answer(len(waits))
		})}
		req, newErr := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry.test/", nil)
		if newErr != nil {
			t.Fatal(newErr)
		}
		resp, err = rt.RoundTrip(req)
	})
	return waits, resp, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func answer(code int, retryAfter string) (*http.Response, error) {
	return &http.Response{
		StatusCode: code, Body: io.NopCloser(strings.NewReader("x")),
		Header: http.Header{"Retry-After": {retryAfter}},
	}, nil
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for name, value := range map[string]func() string{
		"seconds": func() string { return "42" },
		"date":    func() string { return time.Now().Add(42 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		waits, resp, err := tryAll(t, retryPolicy{interval: time.Millisecond, tries: 5}, func(try int) (*http.Response, error) {
			if try == 1 {
				return answer(http.StatusTooManyRequests, value())
			}
			return answer(http.StatusOK, "")
		})
		if err != nil || resp.StatusCode != http.StatusOK || len(waits) != 2 || waits[1] < 42*time.Second || waits[1] > 43*time.Second {
			t.Errorf("%s: tried after %v, %v; want a wait of 42 s", name, waits, err)
		}
	}
}

func TestWaitsGrowWithJitter(t *testing.T) {
	policy := retryPolicy{interval: time.Second, tries: 5}
	waits, _, err := tryAll(t, policy, func(int) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
	})
	if err == nil || len(waits) != policy.tries {
		t.Fatalf("%d tries and error %v, want %d tries and the last error", len(waits), err, policy.tries)
	}
	for i, base := range []time.Duration{0, 1, 2, 4, 8} {
		low, high := base*time.Second/2, base*time.Second*3/2
		if waits[i] < low || waits[i] > high {
			t.Errorf("wait %d is %s, want %s to %s", i, waits[i], low, high)
		}
	}
}

func TestLastAnswerIsTheResult(t *testing.T) {
	waits, resp, err := tryAll(t, retryPolicy{interval: time.Second, tries: 3}, func(int) (*http.Response, error) {
		return answer(http.StatusBadGateway, "")
	})
	if err != nil || len(waits) != 3 {
		t.Fatalf("%d tries, %v", len(waits), err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "x" {
		t.Errorf("the body is %q, %v: it cannot be read any more", body, err)
	}
}

func TestNotRetried(t *testing.T) {
	for name, f := range map[string]answers{
		"a plain error": func(int) (*http.Response, error) { return nil, errors.New("x") },
		"no such host":  func(int) (*http.Response, error) { return nil, &net.DNSError{IsNotFound: true} },
		"https wanted":  func(int) (*http.Response, error) { return nil, errPlainHTTP },
		"404":           func(int) (*http.Response, error) { return answer(http.StatusNotFound, "") },
		"401":           func(int) (*http.Response, error) { return answer(http.StatusUnauthorized, "") },
		"a day's wait":  func(int) (*http.Response, error) { return answer(http.StatusTooManyRequests, "86400") },
	} {
		if waits, _, _ := tryAll(t, retryPolicy{interval: time.Second, tries: 3}, f); len(waits) != 1 {
			t.Errorf("%s: %d tries, want 1", name, len(waits))
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.1.2.3": true, "[::1]:5000": true, "a.localhost:1": true,
		"10.0.0.1:5000": false, "registry.local": false, "localhost.example.com": false, "ghcr.io": false, "": false,
	} {
		if isLoopback(host) != want {
			t.Errorf("%s: loopback is %v, want %v", host, !want, want)
		}
	}
}

// TestTimeoutsOfConnections: they call themselves a context's deadline, and
// may pass all the same.
func TestTimeoutsOfConnections(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(100 * time.Millisecond) }))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: time.Millisecond}}
	if _, err := client.Get(server.URL); err == nil || !temporary(err) {
		t.Errorf("%v is not tried again", err)
	}
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(req); err == nil || temporary(err) {
		t.Errorf("%v is tried again", err)
	}
}
