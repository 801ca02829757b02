package buildkit

import (
	"context"
	"errors"
	"regexp"
	"sync/atomic"
	"syscall"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/executor"
)

// noSpace matches what is said where a file system is full. The daemon gives no
// code for it.
var noSpace = regexp.MustCompile(`(?i)no space left on device`)

// fullError is a daemon whose disk is full: see executor.Full.
type fullError struct{ *executor.BuildError }

func (e *fullError) Unwrap() error   { return e.BuildError }
func (e *fullError) Temporary() bool { return true }
func (e *fullError) Full() bool      { return true }

// elsewhere matches what is said of a registry, or of a directory of this
// machine that the daemon writes a cache to.
var elsewhere = regexp.MustCompile(`unexpected status|https?://|exporting cache to client directory`)

// daemonFull reports whether a failed build says that the daemon's own disk is
// full. What the daemon writes into our store may come back with the same words.
func (c *Client) daemonFull(text, step string) bool {
	return noSpace.MatchString(text) && !elsewhere.MatchString(text) && !elsewhere.MatchString(step) && !c.store.full.Load()
}

// store is the content store, and whether its disk was full.
type store struct {
	content.Store
	full atomic.Bool
}

// Writer opens a writer whose failures are watched.
func (s *store) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	w, err := s.Store.Writer(ctx, opts...)
	if err != nil {
		return nil, s.watch(err)
	}
	return &storeWriter{w, s}, nil
}

// watch passes an error on.
func (s *store) watch(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		s.full.Store(true)
	}
	return err
}

type storeWriter struct {
	content.Writer
	store *store
}

func (w *storeWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, w.store.watch(err)
}

func (w *storeWriter) Commit(ctx context.Context, size int64, expected digest.Digest, opts ...content.Opt) error {
	return w.store.watch(w.Writer.Commit(ctx, size, expected, opts...))
}

func (w *storeWriter) Close() error { return w.store.watch(w.Writer.Close()) }
