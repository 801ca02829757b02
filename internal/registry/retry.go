package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// maxRetryAfter is the longest wait that a registry may ask for. When it asks
// for more, its answer is the result.
const maxRetryAfter = 2 * time.Minute

// maxInterval bounds the wait between two tries when nobody asked for it.
const maxInterval = 10 * time.Second

// retryPolicy says how often and how slowly to try again.
type retryPolicy struct {
	interval time.Duration
	tries    int
}

// waits is the sequence of waits between tries: doubling, with jitter, so that
// clients that failed together do not come back together.
func (p retryPolicy) waits() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = p.interval, max(maxInterval, p.interval)
	b.Multiplier, b.RandomizationFactor = 2, 0.5
	return b
}

// do calls f until it succeeds, fails for good, or has been tried often
// enough.
func (p retryPolicy) do(ctx context.Context, f func() error) error {
	waits := p.waits()
	for try := 1; ; try++ {
		err := f()
		if err == nil || try >= p.tries || !temporary(err) {
			return err
		}
		if sleep(ctx, waits.NextBackOff()) != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// onceKey marks, in a context, requests that are not to be repeated by
// themselves: their caller begins anew further back.
type onceKey struct{}

func once(ctx context.Context) context.Context { return context.WithValue(ctx, onceKey{}, true) }

// retryTransport repeats requests on connection faults, 408, 429 and 5xx.
type retryTransport struct {
	inner  http.RoundTripper
	policy retryPolicy
}

func (t *retryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	waits := t.policy.waits()
	tries := t.policy.tries
	if req.Context().Value(onceKey{}) != nil {
		tries = 1
	}
	for try := 1; ; try++ {
		if err := rewind(req); err != nil {
			return nil, err
		}
		resp, err := t.inner.RoundTrip(req)
		wait := waits.NextBackOff()
		switch {
		case try >= tries || (req.Body != nil && req.GetBody == nil):
			return resp, err
		case err != nil && !temporaryFault(err):
			return nil, err
		case err == nil && !temporaryStatus(resp.StatusCode):
			return resp, nil
		case err == nil:
			asked := retryAfter(resp)
			if asked > maxRetryAfter {
				return resp, nil
			}
			wait = max(wait, asked)
			drain(resp)
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// rewind gives the request its body again: an earlier try, or a request for
// which the token had expired, may have read it.
func rewind(req *http.Request) error {
	if req.GetBody == nil {
		return nil
	}
	body, err := req.GetBody()
	if err != nil {
		return err
	}
	req.Body = body
	return nil
}

// drain lets the connection be used again.
func drain(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}

// retryAfter is how long the registry asks to wait, in either form that
// RFC 9110 section 10.2.3 gives; 0 when it does not.
func retryAfter(resp *http.Response) time.Duration {
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at)
	}
	return 0
}

func temporaryStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// temporary reports whether trying again may help.
func temporary(err error) bool {
	if status, ok := errors.AsType[*transport.Error](err); ok {
		return temporaryStatus(status.StatusCode)
	}
	return temporaryFault(err)
}

// temporaryFault tells connections that broke, or were refused, from requests
// that cannot succeed and from everything that is not about the network.
func temporaryFault(err error) bool {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // url.Error is a net.Error whatever is in it
	}
	if errors.Is(err, context.Canceled) || untrusted(err) {
		return false
	}
	if silent, ok := errors.AsType[*silentError](err); ok {
		return !silent.first
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	if fault, ok := errors.AsType[net.Error](err); ok {
		return fault != context.DeadlineExceeded // as timeouts of connections call themselves too
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// untrusted reports whether err is about TLS: the other side does not speak
// it, or its certificate does not hold.
func untrusted(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, errPlainHTTP) {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.UnknownAuthorityError](err)
	return ok
}
