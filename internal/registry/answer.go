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

const (
	// firstAnswerLimit is how long a host may take for its first answer,
	// answerLimit how long for one to a GET or HEAD after that. The end of an
	// upload may take as long as the connection's own limit.
	firstAnswerLimit = 20 * time.Second
	answerLimit      = time.Minute
	// tellAfter is how long a host may take for its first answer before it is
	// said that it is waited for.
	tellAfter = 2 * time.Second
)

// silentError is a request that got no answer.
type silentError struct {
	limit time.Duration
	// first says that the host had not answered before: it is not asked again.
	first bool
	// away says that the host is left alone from now on. That is not said of
	// https where plain http is next.
	away bool
}

func (e *silentError) Error() string { return fmt.Sprintf("no answer within %s", e.limit) }

// Timeout says so as errors of package net do.
func (e *silentError) Timeout() bool { return true }

// answerTransport bounds the wait for the head of answers.
type answerTransport struct {
	inner http.RoundTripper
	// plain says that hosts may be spoken to in plain http, after https.
	plain bool
	// waiting is told once of a host that is slow to give its first answer.
	waiting func(host string)

	mu    sync.Mutex
	known map[string]*acquaintance // by host
}

type acquaintance struct{ answered, told bool }

func newAnswerTransport(inner http.RoundTripper, plain bool, waiting func(host string)) *answerTransport {
	return &answerTransport{inner: inner, plain: plain, waiting: waiting, known: map[string]*acquaintance{}}
}

func (t *answerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	silent := &silentError{first: !t.hasAnswered(host)}
	switch {
	case silent.first:
		silent.limit, silent.away = firstAnswerLimit, req.URL.Scheme == "http" || !t.plain
		defer time.AfterFunc(tellAfter, func() { t.tell(host) }).Stop()
	case req.Method == http.MethodGet || req.Method == http.MethodHead:
		silent.limit = answerLimit
	default:
		return t.inner.RoundTrip(req)
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(silent.limit, func() { cancel(silent) })
	resp, err := t.inner.RoundTrip(req.WithContext(ctx))
	inTime := timer.Stop()
	if err != nil || !inTime {
		if err == nil {
			_ = resp.Body.Close()
		}
		cancel(nil)
		if errors.Is(context.Cause(ctx), silent) {
			return nil, silent
		}
		return nil, err
	}
	t.answered(host)
	resp.Body = &cancellingBody{ReadCloser: resp.Body, cancel: func() { cancel(nil) }}
	return resp, nil
}

func (t *answerTransport) hasAnswered(host string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of(host).answered
}

func (t *answerTransport) answered(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of(host).answered = true
}

func (t *answerTransport) tell(host string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.of(host); !a.told && !a.answered && t.waiting != nil {
		a.told = true
		t.waiting(host)
	}
}

func (t *answerTransport) of(host string) *acquaintance {
	a := t.known[host]
	if a == nil {
		a = &acquaintance{}
		t.known[host] = a
	}
	return a
}

// cancellingBody ends the request's context when the answer has been read.
type cancellingBody struct {
	io.ReadCloser
	cancel func()
}

func (b *cancellingBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
