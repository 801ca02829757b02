package registry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Error is what an operation on a reference failed of.
type Error struct {
	// Op is look up, pull, push or tag.
	Op string
	// Ref is the reference, Host its registry.
	Ref, Host string
	// Hint says what to do about it, or is "".
	Hint string
	// Err is the cause: a *transport.Error when the registry answered.
	Err error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s %s: %v", e.Op, e.Ref, e.Err)
	if e.Hint != "" {
		s += " (" + e.Hint + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether doing it again may help: the connection broke, or
// the registry was overloaded, and stayed so through all tries.
func (e *Error) Temporary() bool { return temporary(e.Err) }

// fail makes the error of an operation.
func fail(op string, tag name.Tag, err error) error {
	if err == nil {
		return nil
	}
	host := tag.RegistryStr()
	failed := &Error{Op: op, Ref: tag.String(), Host: host, Hint: hint(host, err), Err: err}
	if op == "pull" && errors.Is(err, errLostBlob) {
		failed.Hint = host + " has lost a part of the image: build it again with --force, and push it"
	}
	return failed
}

// errLostBlob marks blobs of an image that the registry does not have.
var errLostBlob = errors.New("the registry does not have it")

// hideQuery removes what may be a credential from the URL of a failed request:
// signatures of download links, states of uploads. It is for errors as they
// come from the client, before their text is part of another's.
// transport.Error does so by itself.
func hideQuery(err error) error {
	failed, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	at, parseErr := url.Parse(failed.URL)
	if parseErr != nil {
		failed.URL = "…"
		return err
	}
	at.User, at.RawQuery, at.Fragment = nil, "", ""
	failed.URL = at.String()
	return err
}

func hint(host string, err error) string {
	if untrusted(err) {
		return fmt.Sprintf("if %s speaks plain http, or its certificate is its own, say so: registry %q { insecure = true }", host, host)
	}
	status, ok := errors.AsType[*transport.Error](err)
	if !ok {
		return ""
	}
	switch status.StatusCode {
	case http.StatusUnauthorized:
		return "log in with: docker login " + host
	case http.StatusForbidden:
		return "the credentials for " + host + " do not allow it; log in as somebody else with: docker login " + host
	}
	return ""
}
