package buildkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/stowage-build/stowage/executor"
)

// TestTemporary: what may go away is the loss of the daemon, and nothing else.
func TestTemporary(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"unavailable", status.Error(codes.Unavailable, "connection refused"), true},
		{"wrapped", fmt.Errorf("solve: %w", status.Error(codes.Unavailable, "EOF")), true},
		{"cancelled by the daemon", status.Error(codes.Canceled, "the client connection is closing"), true},
		{"failed build", status.Error(codes.Unknown, "process did not complete"), false},
		{"refused", status.Error(codes.PermissionDenied, "no"), false},
		{"not of grpc", errors.New("no"), false},
		{"failed instruction", errdefs.WithSource(&gatewaypb.ExitError{ExitCode: 1, Err: errors.New("exit code: 1")}, &errdefs.Source{}), false},
	} {
		err := (&Client{endpoint: "tcp://daemon"}).explain(t.Context(), &solve{}, c.err, &watcher{})
		var failed *executor.BuildError
		if executor.Transient(err) != c.want || errors.As(err, &failed) == c.want {
			t.Errorf("%s: %v (%T) is transient: %v, want %v", c.name, err, err, executor.Transient(err), c.want)
		}
		if c.want && (!strings.Contains(err.Error(), "tcp://daemon") || strings.Contains(err.Error(), "rpc error")) {
			t.Errorf("%s: error is %q, want the daemon named and no words of the transport", c.name, err)
		}
	}
}

// TestConnectionErrors: what is left of a connection's error is its text,
// without half of its quotes.
func TestConnectionErrors(t *testing.T) {
	err := lost(t.Context(), status.Error(codes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:9: connect: connection refused"`))
	if got := err.Error(); got != "dial tcp 127.0.0.1:9: connect: connection refused" {
		t.Errorf("got %q", got)
	}
}

// TestCancelledIsNotTemporary: with the context at its end the error is its
// cause, whatever became of the connection.
func TestCancelledIsNotTemporary(t *testing.T) {
	cause := errors.New("timeout of the package")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, code := range []codes.Code{codes.Unavailable, codes.Canceled, codes.Unknown} {
		err := (&Client{}).explain(ctx, &solve{}, status.Error(code, "x"), &watcher{})
		var failed *executor.BuildError
		if !errors.Is(err, cause) || executor.Transient(err) || errors.As(err, &failed) {
			t.Errorf("%s gives %v (%T), want the cause", code, err, err)
		}
	}
}

// TestExplain: a failed instruction is told by its name, its lines and its
// exit code.
func TestExplain(t *testing.T) {
	run := digest.FromString("run")
	err := errdefs.WrapVertex(&gatewaypb.ExitError{ExitCode: 3, Err: errors.New("exit code: 3")}, run)
	err = errdefs.WithSource(err, &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: "app/Dockerfile", Data: []byte("FROM x\nRUN a \\\n  b\nLABEL c=d")},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 3}}},
	})
	out := (&Client{}).explain(t.Context(), &solve{}, fmt.Errorf("failed to solve: %w", err), &watcher{names: map[string]string{run.String(): "[2/3] RUN a   b"}})
	var failed *executor.BuildError
	if !errors.As(out, &failed) {
		t.Fatalf("error is %v (%T)", out, out)
	}
	if failed.ExitCode != 3 || failed.Step != "[2/3] RUN a   b" || out.Error() != "[2/3] RUN a   b ended with exit code 3" {
		t.Errorf("error is %+v", failed)
	}
	if !strings.HasPrefix(failed.Excerpt, "app/Dockerfile:2\n") || strings.Count(failed.Excerpt, ">>>") != 2 {
		t.Errorf("the excerpt is\n%s", failed.Excerpt)
	}
}

// TestFullDaemon: a full disk is the daemon's if nothing says that it is another.
func TestFullDaemon(t *testing.T) {
	for text, want := range map[string]bool{
		"failed to solve: write /var/lib/buildkit/runc-overlayfs/content/ingest/1/data: no space left on device":                     true,
		"failed to copy: failed to send write: error from receiver: mkdir /x/snapshots/9: no space left on device":                   true,
		"failed to push r.example/x: unexpected status from PUT request to https://r.example/v2/x: 500: no space left on device":     false,
		`failed to do request: Put "http://r.example/v2/x/blobs/uploads/1": no space left on device`:                                 false,
		"error writing layer blob: exporting cache to client directory: write /home/me/cache/ingest/1/data: no space left on device": false,
		"failed to compute cache key: space: not found":                                                                              false,
	} {
		c := &Client{store: &store{}}
		if err := c.explain(t.Context(), &solve{}, errors.New(text), &watcher{}); executor.Full(err) != want {
			t.Errorf("%q is about the daemon's disk: %v, want %v", text, !want, want)
		}
		c.store.full.Store(true)
		if err := c.explain(t.Context(), &solve{}, errors.New(text), &watcher{}); executor.Full(err) {
			t.Errorf("%q is taken for the daemon's disk though the store's is full", text)
		}
	}
}

// TestPlainMessage: words of BuildKit's inner workings are left out.
func TestPlainMessage(t *testing.T) {
	for in, want := range map[string]string{
		`failed to solve: failed to compute cache key: failed to calculate checksum of ref k7m::qx2: "/missing": not found`: `"/missing": not found`,
		"failed to solve with frontend dockerfile.v0: target stage \"x\" could not be found":                                `target stage "x" could not be found`,
		"rpc error: code = Unknown desc = dockerfile parse error on line 2: unknown instruction: FORM":                      "dockerfile parse error on line 2: unknown instruction: FORM",
		"failed to solve: network.host is not allowed":                                                                      "the Dockerfile wants network.host; allow it with --allow network.host if you trust what it runs",
		"granting entitlement security.insecure is not allowed by build daemon configuration":                               "the Dockerfile wants security.insecure; allow it with --allow security.insecure if you trust what it runs",
		"plain": "plain",
	} {
		if got := plainMessage(errors.New(in), &executor.BuildError{}); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestNoAnswer: a daemon that takes the connection and says nothing is lost,
// unless it is the caller who does not want to wait.
func TestNoAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &Client{endpoint: "tcp://" + l.Addr().String()}
	if c.buildkit, err = client.New(t.Context(), c.endpoint); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.ask(t.Context(), time.Millisecond)
	if !executor.Transient(err) || !strings.Contains(err.Error(), "no answer") || !strings.Contains(err.Error(), c.endpoint) {
		t.Errorf("error is %v, want a transient one that names %s", err, c.endpoint)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = c.ask(ctx, time.Minute); executor.Transient(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want that of the context", err)
	}
}

// TestPassing: what BuildKit says of registries, beyond what TestFaultsOfPulls
// can make one do.
func TestPassing(t *testing.T) {
	for text, want := range map[string]bool{
		"failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://auth.example/token?scope=x: 503 Service Unavailable": true,
		`failed to authorize: failed to fetch anonymous token: Get "https://auth.example/token": dial tcp 192.0.2.1:443: i/o timeout`:                             true,
		"failed to copy: httpReadSeeker: failed open: unexpected status code https://r.example/v2/x/blobs/sha256:1: 429 Too Many Requests":                        true,
		"failed to copy: read tcp 192.0.2.1:1->192.0.2.2:443: read: connection reset by peer":                                                                     true,
		`failed to push r.example/x: failed to do request: Put "http://r.example/v2/x/blobs/uploads/1": dial tcp 192.0.2.1:5000: connect: connection refused`:     true,
		`failed to push r.example/x: failed to do request: Patch "https://r.example/v2/x/blobs/uploads/1": write tcp 192.0.2.1:1->192.0.2.2:443: broken pipe`:     true,
		`failed to do request: Head "https://nowhere.example/v2/x/manifests/1": dial tcp: lookup nowhere.example: no such host`:                                   false,
		`failed to do request: Head "https://r.example/v2/x/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority`:       false,
		"unexpected status from HEAD request to https://r.example/v2/x/manifests/1: 401 Unauthorized":                                                             false,
		"failed to copy: unexpected commit digest sha256:1, expected sha256:2: failed precondition":                                                               false,
		"dockerfile parse error on line 2: unknown instruction: GET":                                                                                              false,
	} {
		if got := passing(text); got != want {
			t.Errorf("%q passes: %v, want %v", text, got, want)
		}
	}
	left := errors.New("failed to read dockerfile: failed to prepare  as k: failed to rename: rename /b/snapshots/new-1 /b/snapshots/8: file exists")
	if err := (&Client{}).explain(t.Context(), &solve{}, left, &watcher{}); !executor.Transient(err) {
		t.Errorf("a snapshot that was never committed is not transient: %v", err)
	}
	run := errdefs.WithSource(&gatewaypb.ExitError{ExitCode: 1, Err: errors.New(`process "curl || echo unexpected status from GET request to x: 503" did not complete`)}, &errdefs.Source{})
	if err := (&Client{}).explain(t.Context(), &solve{}, run, &watcher{}); executor.Transient(err) {
		t.Errorf("a failed RUN is transient: %v", err)
	}
}
