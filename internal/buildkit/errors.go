package buildkit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/stowage-build/stowage/executor"
)

// lostError is a daemon that cannot be reached: another, or a later try, may
// do.
type lostError struct{ err error }

func (e *lostError) Error() string {
	return noise.ReplaceAllString(description.ReplaceAllString(e.err.Error(), "$1"), "")
}
func (e *lostError) Unwrap() error   { return e.err }
func (e *lostError) Temporary() bool { return true }

// Lost tells it from other faults that may go away: see executor.Lost.
func (e *lostError) Lost() bool { return true }

// lost marks errors of the connection, and leaves a cancelled context's alone.
// What is cancelled though the context is not was so by the daemon, which
// stops, or by the end of the connection.
func lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	switch grpcerrors.Code(err) {
	case codes.Unavailable, codes.Canceled:
		return &lostError{err}
	}
	return err
}

// explain turns a solve's error into one that says what failed.
func (c *Client) explain(ctx context.Context, s *solve, err error, w *watcher) error {
	if marked := lost(ctx, err); marked != err {
		return fmt.Errorf("builder %s: %w", c.endpoint, marked)
	}
	out := &executor.BuildError{}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		out.Step = w.names[vertex.Digest]
	}
	var exit *gatewaypb.ExitError
	if errors.As(err, &exit) {
		out.ExitCode = int(exit.ExitCode)
		out.NoSpace = vertex != nil && w.noSpace[vertex.Digest]
	}
	var excerpt strings.Builder
	for _, source := range errdefs.Sources(err) {
		s.rename(source.Info)
		_ = source.Print(&excerpt) // to memory
	}
	out.Excerpt = strings.Trim(excerpt.String(), "\n")
	out.Err = errors.New(plainMessage(err, out))
	switch {
	case out.ExitCode != 0:
	case passing(err.Error()):
		return &passingError{out, "pull for the build"}
	case uncommitted.MatchString(err.Error()):
		return &passingError{out, "make room for the build"}
	case c.daemonFull(err.Error(), out.Step):
		return &fullError{out}
	}
	return out
}

// rename gives the Dockerfile in an excerpt the name that users know it by.
func (s *solve) rename(source *pb.SourceInfo) {
	if source != nil && source.Filename == s.opt.FrontendAttrs["filename"] {
		source.Filename = s.dockerfile
	}
}

// Words that BuildKit puts around what is the matter.
var noise = regexp.MustCompile(`failed to solve(?: with frontend [^:]+)?: |failed to compute cache key: |failed to calculate checksum of ref \S+?: |rpc error: code = \w+ desc = |ResourceExhausted: |failed to list workers: (?:Unavailable: )?|connection error: desc = "?(?:transport: )?(?:[Ee]rror while dialing: )?`)

// description is the quoted text of a connection's error.
var description = regexp.MustCompile(`connection error: desc = "(?:transport: )?(?:[Ee]rror while dialing: )?([^"]*)"`)

// entitlement matches BuildKit's refusal of what was not allowed.
var entitlement = regexp.MustCompile(`(network\.host|security\.insecure) is not allowed`)

// cacheType matches BuildKit's refusal of a cache that it cannot reach.
var cacheType = regexp.MustCompile(`unknown cache (?:exporter|importer): "?(\w+)"?`)

// plainMessage says what failed in as few words as possible.
func plainMessage(err error, e *executor.BuildError) string {
	if e.ExitCode != 0 && e.Step != "" {
		return fmt.Sprintf("%s ended with exit code %d", e.Step, e.ExitCode)
	}
	text := noise.ReplaceAllString(err.Error(), "")
	if m := entitlement.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("the Dockerfile wants %s; allow it with --allow %s if you trust what it runs", m[1], m[1])
	}
	if m := cacheType.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("this builder has no caches of type %s; the embedded builder has registry, local and inline: use another one, with a builder block or --builder", m[1])
	}
	return text
}
