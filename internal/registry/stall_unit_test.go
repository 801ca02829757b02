package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// trickle is content that comes in single bytes, each after a while.
type trickle struct {
	ctx   context.Context
	every time.Duration
	left  int
}

func (t *trickle) Read(b []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	if err := sleep(t.ctx, t.every); err != nil {
		return 0, err
	}
	t.left--
	b[0] = 'x'
	return 1, nil
}

func (t *trickle) Close() error { return nil }

// trickling takes a byte of what it is sent, and sends one, each after a while.
type trickling struct{ every time.Duration }

func (t trickling) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return &http.Response{StatusCode: http.StatusOK, Body: &trickle{req.Context(), t.every, 5}}, nil
	}
	defer req.Body.Close()
	for {
		if _, err := req.Body.Read(make([]byte, 1)); err == io.EOF {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		} else if err != nil {
			return nil, err
		}
		if err := sleep(req.Context(), t.every); err != nil {
			return nil, err
		}
	}
}

// TestStallLimit: it is the time for each part that counts, whatever all of
// them take, and not the time that this side takes.
func TestStallLimit(t *testing.T) {
	for _, c := range []struct {
		every, own time.Duration
		stalls     bool
	}{
		{every: DefaultStallLimit - time.Second},
		{every: time.Second, own: 2 * DefaultStallLimit},
		{every: DefaultStallLimit + time.Second, stalls: true},
	} {
		for _, direction := range []string{"send", "receive"} {
			synctest.Test(t, func(t *testing.T) {
				err := transfer(t, &stallTransport{trickling{c.every}, DefaultStallLimit}, direction, c.own)
				if _, stalled := errors.AsType[*stalledError](err); stalled != c.stalls || (err != nil) != c.stalls {
					t.Errorf("%s, %s each, %s on this side: %v", direction, c.every, c.own, err)
				}
				if err != nil && !temporary(err) {
					t.Errorf("%v is not tried again", err)
				}
			})
		}
	}
}

// transfer moves five bytes, and waits for own before each.
func transfer(t *testing.T, rt http.RoundTripper, direction string, own time.Duration) error {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if direction == "send" {
		method, body = http.MethodPut, &trickle{t.Context(), own, 5}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://r.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for got := new(bytes.Buffer); direction == "receive"; {
		time.Sleep(own)
		if _, err := io.CopyN(got, resp.Body, 1); err == io.EOF {
			if got.Len() != 5 {
				t.Errorf("received %d bytes", got.Len())
			}
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}
