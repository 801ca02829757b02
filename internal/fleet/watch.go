package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
)

// Limits say when a builder is taken for hung. Zero values are the defaults.
type Limits struct {
	// Quiet is how long a build may make no progress before the builder is
	// asked whether it is there; Answer is how long it may take to say so.
	Quiet, Answer time.Duration
}

// The defaults of Limits.
const (
	DefaultQuiet  = 20 * time.Second
	DefaultAnswer = 10 * time.Second
)

func (l Limits) withDefaults() Limits {
	if l.Quiet == 0 {
		l.Quiet = DefaultQuiet
	}
	if l.Answer == 0 {
		l.Answer = DefaultAnswer
	}
	return l
}

// hungError is a builder that does not answer any more, whether it hangs or
// cannot be reached.
type hungError struct {
	name  string
	quiet time.Duration
	err   error
}

func (e *hungError) Error() string {
	return fmt.Sprintf("builder %s hangs or is cut off: no progress for %s, and to a ping %v", e.name, e.quiet, e.err)
}
func (e *hungError) Unwrap() error   { return e.err }
func (e *hungError) Temporary() bool { return true }

// Lost says that what was built there is better built elsewhere.
func (e *hungError) Lost() bool { return true }

// buildWatched builds, and gives up when the builder neither makes progress nor
// answers. The question goes over the build's own connection: an answer over
// another would say nothing of this one.
func (b *builder) buildWatched(ctx context.Context, conn *connection, req *executor.BuildRequest, progress func(executor.Progress)) (*executor.BuildResult, error) {
	watched, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	moved := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.watch(watched, conn.Client, moved, giveUp)
	}()
	result, err := conn.Build(watched, req, func(p executor.Progress) {
		select {
		case moved <- struct{}{}:
		default:
		}
		progress(p)
	})
	var hung *hungError
	if err != nil && ctx.Err() == nil && errors.As(context.Cause(watched), &hung) {
		err = hung
	}
	giveUp(nil)
	<-ended
	return result, err
}

// watch pings the builder whenever a build has been quiet for long.
func (b *builder) watch(ctx context.Context, client *buildkit.Client, moved <-chan struct{}, giveUp context.CancelCauseFunc) {
	limits := b.opts.Limits.withDefaults()
	quiet := time.NewTimer(limits.Quiet)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-moved:
		case <-quiet.C:
			if _, err := client.Ping(ctx, limits.Answer); executor.Lost(err) {
				giveUp(&hungError{b.name, limits.Quiet, err})
				return
			}
		}
		quiet.Reset(limits.Quiet)
	}
}

// Ping connects to the builder, if need be, and asks whether it is there and
// what it is.
func (b *builder) Ping(ctx context.Context) (executor.About, error) {
	conn, err := b.acquire(ctx)
	if err != nil {
		return executor.About{}, err
	}
	info, err := conn.Ping(ctx, b.opts.Limits.withDefaults().Answer)
	b.release(conn, executor.Transient(err))
	return b.about(info), err
}

// about is what the builder is by what its daemon says. A native platform that
// is declared goes before the daemon's.
func (b *builder) about(info buildkit.Info) executor.About {
	out := executor.About{Native: b.native, Runs: info.Platforms}
	if out.Native == "" && len(info.Platforms) > 0 {
		out.Native = info.Platforms[0]
	}
	return out
}
