package testenv

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func faultsCommand(ts *testscript.TestScript, neg bool, args []string) {
	known := len(args) == 4 || len(args) > 0 && len(args) <= 2 && args[0] == "start" ||
		len(args) == 1 && (args[0] == "off" || args[0] == "await")
	s := scriptOf(ts, !neg && known, "faults start [NAME] | faults off|await | faults FAULT METHOD manifests|blobs TIMES")
	switch {
	case args[0] == "start":
		r := s.registry(ts, nameIn(args[1:]))
		s.faults = NewFaults(r.Host)
		ts.Setenv("FAULTS", s.faults.Host)
		ts.Check(s.logIn(r, s.faults.Host))
	case s.faults == nil:
		ts.Fatalf("no faults were started")
	case args[0] == "off":
		s.faults.Answer(nil)
	case args[0] == "await":
		ts.Check(s.faults.awaitStalled())
	default:
		do, err := s.faults.parse(args[0])
		ts.Check(err)
		times := int64(math.MaxInt64)
		if args[3] != "always" {
			times, err = strconv.ParseInt(args[3], 10, 64)
			ts.Check(err)
		}
		s.faults.Answer(faultFor(args[1], args[2], times, do))
	}
}

// faultFor does something with the first requests of a method for a kind of
// things. do reports whether it has answered.
func faultFor(method, kind string, times int64, do func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		asked := (method == "any" || r.Method == method) && (kind == "any" || strings.Contains(r.URL.Path, "/"+kind+"/"))
		if !asked || seen.Add(1) > times {
			return false
		}
		return do(w, r)
	}
}

func (f *Faults) parse(text string) (func(http.ResponseWriter, *http.Request) bool, error) {
	switch text {
	case "cut":
		return func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		}, nil
	case "wrong":
		return f.alter, nil
	case "slow":
		return late(300 * time.Millisecond), nil
	case "stall":
		return f.stall, nil
	case "have":
		return func(w http.ResponseWriter, _ *http.Request) bool { return true }, nil
	}
	status, after, _ := strings.Cut(text, "+")
	if status == "slow" {
		seconds, err := strconv.Atoi(after)
		return late(time.Duration(seconds) * time.Second), err
	}
	code, err := strconv.Atoi(status)
	if err != nil || http.StatusText(code) == "" {
		return nil, errors.Join(fmt.Errorf("fault %q", text), err)
	}
	return func(w http.ResponseWriter, _ *http.Request) bool {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(code)
		return true
	}, nil
}

// awaitStalled waits until a request is stalled.
func (f *Faults) awaitStalled() error {
	for range 600 {
		if f.stalled.Load() > 0 {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("no request was stalled in a minute")
}

// late has requests wait before they are passed on.
func late(by time.Duration) func(http.ResponseWriter, *http.Request) bool {
	return func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(by)
		return false
	}
}

// alter passes a request on and changes a bit of the answer.
func (f *Faults) alter(w http.ResponseWriter, r *http.Request) bool {
	answer := httptest.NewRecorder()
	f.proxy.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	if len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
	return true
}
