package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// DefaultStallLimit is how long a host may take for any part of a content, in
// either direction.
const DefaultStallLimit = time.Minute

// stalledError is a content of which nothing came through for too long.
type stalledError struct {
	limit time.Duration
	doing string
}

func (e *stalledError) Error() string { return fmt.Sprintf("%s nothing for %s", e.doing, e.limit) }

// Timeout says so as errors of package net do.
func (e *stalledError) Timeout() bool { return true }

// Temporary belongs to net.Error.
func (e *stalledError) Temporary() bool { return true }

// stallTransport ends requests whose content stops coming through. Time that
// this side takes to make or use the content does not count, nor the wait for
// the head of an answer: see answerTransport.
type stallTransport struct {
	inner http.RoundTripper
	limit time.Duration
}

func (t *stallTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.WithContext(ctx)
	if req.Body != nil && req.Body != http.NoBody {
		t.watchBody(req, cancel)
	}
	resp, err := t.inner.RoundTrip(req)
	if err != nil {
		defer cancel(nil)
		return nil, stalled(ctx, err)
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		cancel(nil)
	} else {
		resp.Body = &download{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, limit: t.limit}
	}
	return resp, nil
}

// watchBody watches what is sent, also when the connection has to be changed.
func (t *stallTransport) watchBody(req *http.Request, cancel context.CancelCauseFunc) {
	watched := func(body io.ReadCloser) io.ReadCloser {
		return &upload{ReadCloser: body, limit: t.limit, stall: func() { cancel(&stalledError{t.limit, "the registry took"}) }}
	}
	req.Body = watched(req.Body)
	if get := req.GetBody; get != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			body, err := get()
			if err != nil {
				return nil, err
			}
			return watched(body), nil
		}
	}
}

// stalled is err, or why the request was ended.
func stalled(ctx context.Context, err error) error {
	if cause, ok := errors.AsType[*stalledError](context.Cause(ctx)); ok {
		return cause
	}
	return err
}

// upload is a request's content. What has been read of it is being sent until
// the next is read.
type upload struct {
	io.ReadCloser
	limit time.Duration
	stall func()

	mu     sync.Mutex
	timer  *time.Timer
	closed bool
}

func (u *upload) Read(b []byte) (int, error) {
	u.stop(false)
	n, err := u.ReadCloser.Read(b)
	if err == nil {
		u.start()
	}
	return n, err
}

func (u *upload) Close() error {
	u.stop(true)
	return u.ReadCloser.Close()
}

func (u *upload) start() {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
	case u.timer == nil:
		u.timer = time.AfterFunc(u.limit, u.stall)
	default:
		u.timer.Reset(u.limit)
	}
}

func (u *upload) stop(closed bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = u.closed || closed
	if u.timer != nil {
		u.timer.Stop()
	}
}

// download is an answer's content.
type download struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func (d *download) Read(b []byte) (int, error) {
	if d.timer == nil {
		d.timer = time.AfterFunc(d.limit, func() { d.cancel(&stalledError{d.limit, "the registry sent"}) })
	} else {
		d.timer.Reset(d.limit)
	}
	n, err := d.ReadCloser.Read(b)
	d.timer.Stop()
	if err != nil && err != io.EOF {
		err = stalled(d.ctx, err)
	}
	return n, err
}

// Close ends the request.
func (d *download) Close() error {
	defer d.cancel(nil)
	return d.ReadCloser.Close()
}
