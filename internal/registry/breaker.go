package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// breakAfter is how many requests to a host must fail in a row before it is
	// left alone; breakUnknownAfter how many to one that has never answered,
	// which is more than one request's tries.
	breakAfter        = 3
	breakUnknownAfter = 2 * DefaultTries
	// patienceIntervals is how long a host that has answered before is waited
	// for, in intervals of the retry policy: a minute by default.
	patienceIntervals = 240
	// probeIntervals is the wait before it is asked for the first time, in such
	// intervals; it doubles up to maxInterval.
	probeIntervals = 4
	// maxKept bounds how much of a failed answer is kept, in bytes.
	maxKept = 64 << 10
)

// breakerTransport is the circuit breaker of one host. It is
//
//   - closed: requests pass;
//   - open, since some requests in a row have failed, or one to a host that has
//     never answered has waited in vain: requests wait, and one at a time is
//     sent to find out whether the host is back;
//   - given up, when it has been open for patience, or at once if the host has
//     never answered: requests get the last fault without being sent, but for
//     one now and then, which closes it if it succeeds.
//
// A host that asks to be left alone for a while (Retry-After) is sent nothing
// until then.
type breakerTransport struct {
	inner  http.RoundTripper
	host   string
	policy retryPolicy

	mu       sync.Mutex
	failures int
	// answered says that a request has succeeded before.
	answered bool
	open     bool
	probing  bool
	since    time.Time // when it opened
	next     time.Time // when the host is asked again
	pause    time.Duration
	held     time.Time // until when the host asked to be left alone
	last     fault
	// changed is closed, and replaced, when what waits should look again.
	changed chan struct{}
}

func newBreaker(inner http.RoundTripper, host string, policy retryPolicy) *breakerTransport {
	return &breakerTransport{inner: inner, host: host, policy: policy, changed: make(chan struct{})}
}

// fault is how a request failed: err, or else an answer.
type fault struct {
	err error
	// silent says that the host has never given an answer, and was waited for.
	silent bool
	status int
	header http.Header
	body   []byte
}

func (f fault) answer(req *http.Request) (*http.Response, error) {
	if f.err != nil {
		return nil, f.err
	}
	return &http.Response{
		StatusCode: f.status, Status: http.StatusText(f.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: f.header.Clone(), Body: io.NopCloser(bytes.NewReader(f.body)), ContentLength: int64(len(f.body)), Request: req,
	}, nil
}

func (t *breakerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != t.host {
		return t.inner.RoundTrip(req)
	}
	repeatable := req.Context().Value(onceKey{}) == nil && (req.Body == nil || req.GetBody != nil)
	for {
		pass, probe, err := t.enter(req.Context())
		if err != nil {
			return nil, err
		}
		if !pass {
			return t.lastAnswer(req)
		}
		if err := rewind(req); err != nil {
			t.leave(probe)
			return nil, err
		}
		resp, err := t.inner.RoundTrip(req)
		if req.Context().Err() != nil {
			t.leave(probe)
			return resp, err
		}
		if silent, ok := errors.AsType[*silentError](err); ok && silent.first && !silent.away {
			t.leave(probe)
			return nil, err
		}
		failed, ok := failure(resp, err)
		if !ok {
			t.succeed(probe)
			return resp, err
		}
		if !t.fail(failed, probe) || !repeatable {
			return resp, err
		}
	}
}

func (t *breakerTransport) lastAnswer(req *http.Request) (*http.Response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last.answer(req)
}

// failure is how a request failed, if the whole host seems to be away or
// overloaded. An answer can be read all the same. 500 is mostly about the one
// request, and a host that wants to be left alone for long is not waited for.
func failure(resp *http.Response, err error) (fault, bool) {
	if silent, ok := errors.AsType[*silentError](err); ok {
		return fault{err: err, silent: silent.first}, true
	}
	if err != nil {
		return fault{err: err}, temporaryFault(err)
	}
	if !temporaryStatus(resp.StatusCode) || resp.StatusCode == http.StatusInternalServerError || retryAfter(resp) > maxRetryAfter {
		return fault{}, false
	}
	kept, _ := io.ReadAll(io.LimitReader(resp.Body, maxKept)) // what there is of it
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(kept))
	return fault{status: resp.StatusCode, header: resp.Header, body: kept}, true
}

// enter waits until a request may be sent. It is not to be sent when pass is
// false; probe says that others wait for what becomes of it.
func (t *breakerTransport) enter(ctx context.Context) (pass, probe bool, err error) {
	for {
		pass, probe, wait, changed := t.look(time.Now())
		if wait < 0 {
			return pass, probe, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		if err != nil {
			return false, false, err
		}
	}
}

// look decides about a request now. It is to wait, and look again when that is
// over or something has changed, unless wait is below 0.
func (t *breakerTransport) look(now time.Time) (pass, probe bool, wait time.Duration, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	patience := t.patience()
	switch {
	case now.Before(t.held):
		return false, false, t.held.Sub(now), t.changed
	case !t.open:
		return true, false, -1, nil
	case !t.probing && !now.Before(t.next):
		t.probing = true
		return true, true, -1, nil
	case !t.answered || now.Sub(t.since) >= patience:
		return false, false, -1, nil
	case t.probing:
		return false, false, patience - now.Sub(t.since), t.changed
	}
	return false, false, min(t.next.Sub(now), patience-now.Sub(t.since)), t.changed
}

func (t *breakerTransport) succeed(probe bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered, t.failures = true, 0
	if probe || t.open {
		t.open = false
		t.tell(probe)
	}
}

// fail counts a failure, and reports whether the host is waited for now.
func (t *breakerTransport) fail(f fault, probe bool) (waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.last = f
	t.failures++
	if asked := retryAfter(&http.Response{Header: f.header}); asked > 0 {
		t.held = now.Add(asked)
	}
	enough := breakUnknownAfter
	switch {
	case t.answered:
		enough = breakAfter
	case f.silent:
		enough = 1
	}
	switch {
	case probe:
		t.pause = min(2*t.pause, maxInterval)
		t.next = now.Add(t.pause)
		t.tell(true)
	case !t.open && t.failures >= enough:
		t.open, t.since = true, now
		t.pause = probeIntervals * t.policy.interval
		t.next = now.Add(t.pause)
	}
	return t.open && t.answered && now.Sub(t.since) < t.patience()
}

func (t *breakerTransport) patience() time.Duration { return patienceIntervals * t.policy.interval }

// leave gives up a probe whose caller has gone.
func (t *breakerTransport) leave(probe bool) {
	if probe {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.tell(true)
	}
}

// tell has those who wait look again.
func (t *breakerTransport) tell(probe bool) {
	if probe {
		t.probing = false
	}
	close(t.changed)
	t.changed = make(chan struct{})
}
