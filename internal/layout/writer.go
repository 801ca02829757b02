package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// partial is a blob that is being written: a private file and the hash of
// what is in it.
type partial struct {
	file     *os.File
	expected digest.Digest // "" when the first writer did not say
	digester digest.Digester
	offset   int64
	failed   bool // a write failed: nobody goes on with it
	started  time.Time
	updated  time.Time
}

func (c *contentStore) discard(p *partial) error {
	return errors.Join(p.file.Close(), c.disk.remove(p.file.Name()))
}

// writer is one writing of one blob. It is for one goroutine at a time, as
// content.Writer is; the store's lock guards what Status of the store shows.
type writer struct {
	store    *contentStore
	ref      string
	total    int64
	expected digest.Digest

	// partial is nil once the writer is closed.
	partial *partial
	digest  digest.Digest
}

// errClosed is the error of writing to a writer that was closed or committed.
var errClosed = fmt.Errorf("content writer: %w", fs.ErrClosed)

// Writer begins a blob, or goes on with the one that was closed unfinished
// under the ref. ErrAlreadyExists says that the store has the descriptor's
// blob, with its size, already.
func (c *contentStore) Writer(ctx context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if o.Ref == "" {
		return nil, fmt.Errorf("content writer: no ref given: %w", errdefs.ErrInvalidArgument)
	}
	if o.Desc.Digest != "" {
		if err := c.use(ctx, o.Desc.Digest); err != nil {
			return nil, err
		}
		there, err := c.has(o.Desc.Digest, o.Desc.Size)
		if err != nil {
			return nil, err
		}
		if there {
			return nil, fmt.Errorf("blob %s: %w", o.Desc.Digest, errdefs.ErrAlreadyExists)
		}
	}
	p, err := c.begin(o.Ref, o.Desc)
	if err != nil {
		return nil, fmt.Errorf("content writer %s: %w", o.Ref, err)
	}
	w := &writer{store: c, ref: o.Ref, total: max(o.Desc.Size, 0), expected: o.Desc.Digest, partial: p}
	c.mu.Lock()
	c.writers[w] = struct{}{}
	c.mu.Unlock()
	return w, nil
}

// begin takes the parked blob of the ref, or makes a new one. One that was
// for another digest, or has more in it than the blob's size, is dropped.
func (c *contentStore) begin(ref string, desc ocispec.Descriptor) (*partial, error) {
	c.mu.Lock()
	p := c.parked[ref]
	delete(c.parked, ref)
	c.mu.Unlock()
	if p != nil {
		if p.expected == desc.Digest && (desc.Size <= 0 || p.offset <= desc.Size) {
			return p, nil
		}
		if err := c.discard(p); err != nil {
			return nil, err
		}
	}
	f, err := c.ingest.create()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &partial{file: f, expected: desc.Digest, digester: digest.SHA256.Digester(), started: now, updated: now}, nil
}

// open returns what is being written, or nil when the writer is closed.
func (w *writer) open() *partial {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	return w.partial
}

func (w *writer) Write(b []byte) (int, error) {
	p := w.open()
	if p == nil {
		return 0, errClosed
	}
	n, err := w.store.disk.write(p.file, b)
	p.digester.Hash().Write(b[:n])
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	p.offset += int64(n)
	p.failed = p.failed || err != nil
	p.updated = time.Now()
	return n, err
}

// Digest is that of what was written so far.
func (w *writer) Digest() digest.Digest {
	if p := w.open(); p != nil {
		return p.digester.Digest()
	}
	return w.digest
}

func (w *writer) Status() (content.Status, error) {
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	if w.partial == nil {
		return content.Status{}, errClosed
	}
	return w.status(), nil
}

// status needs the store's lock.
func (w *writer) status() content.Status {
	return content.Status{
		Ref: w.ref, Offset: w.partial.offset, Total: w.total, Expected: w.expected,
		StartedAt: w.partial.started, UpdatedAt: w.partial.updated,
	}
}

// Truncate drops what is after size bytes.
func (w *writer) Truncate(size int64) error {
	p := w.open()
	switch {
	case p == nil:
		return errClosed
	case size < 0 || size > p.offset:
		return fmt.Errorf("truncate %s to %d of %d bytes: %w", w.ref, size, p.offset, errdefs.ErrInvalidArgument)
	}
	digester := digest.SHA256.Digester()
	if _, err := io.Copy(digester.Hash(), io.NewSectionReader(p.file, 0, size)); err != nil {
		return err
	}
	if err := p.file.Truncate(size); err != nil {
		return err
	}
	if _, err := p.file.Seek(size, io.SeekStart); err != nil {
		return err
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	p.digester, p.offset, p.updated = digester, size, time.Now()
	return nil
}

// Close gives the writer up. What was written is kept for the next writer
// with the ref, in this process.
func (w *writer) Close() error {
	return w.release(func(p *partial) error {
		if p.offset == 0 || p.failed { // on a full disk its room is wanted
			return w.store.discard(p)
		}
		return w.store.park(w.ref, p)
	})
}

// release ends the writer, giving its partial blob to fn.
func (w *writer) release(fn func(*partial) error) error {
	w.store.mu.Lock()
	p := w.partial
	if p == nil {
		w.store.mu.Unlock()
		return nil
	}
	w.digest = p.digester.Digest()
	w.partial = nil
	delete(w.store.writers, w)
	w.store.mu.Unlock()
	return fn(p)
}

// park keeps an unfinished blob. Of two with one ref the longer one stays.
func (c *contentStore) park(ref string, p *partial) error {
	c.mu.Lock()
	other := c.parked[ref]
	if other != nil && other.offset > p.offset {
		p, other = other, p
	}
	c.parked[ref] = p
	c.mu.Unlock()
	if other != nil {
		return c.discard(other)
	}
	return nil
}

// Commit verifies what was written and makes it a blob. size 0 and an empty
// digest are not compared. Content that is not what was expected is dropped,
// with ErrFailedPrecondition; ErrAlreadyExists says that the blob is there
// already.
func (w *writer) Commit(ctx context.Context, size int64, expected digest.Digest, opts ...content.Opt) error {
	var info content.Info
	for _, opt := range opts {
		if err := opt(&info); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	if w.open() == nil {
		return errClosed
	}
	return w.release(func(p *partial) error {
		if err := verify(p, size, expected); err != nil {
			return errors.Join(fmt.Errorf("commit %s: %w", w.ref, err), w.store.discard(p))
		}
		return w.store.commit(ctx, p, p.digester.Digest(), info.Labels)
	})
}

func verify(p *partial, size int64, expected digest.Digest) error {
	if size > 0 && size != p.offset {
		return fmt.Errorf("%d bytes, want %d: %w", p.offset, size, errdefs.ErrFailedPrecondition)
	}
	if got := p.digester.Digest(); expected != "" && expected != got {
		return fmt.Errorf("content is %s, want %s: %w", got, expected, errdefs.ErrFailedPrecondition)
	}
	return nil
}

// commit gives the verified blob its name. A damaged file that has the name is
// replaced.
func (c *contentStore) commit(ctx context.Context, p *partial, dgst digest.Digest, labels map[string]string) error {
	path, err := c.path(dgst)
	if err == nil {
		err = c.use(ctx, dgst)
	}
	if err != nil {
		return errors.Join(err, c.discard(p))
	}
	if there, err := c.has(dgst, p.offset); err == nil && there {
		return errors.Join(fmt.Errorf("blob %s: %w", dgst, errdefs.ErrAlreadyExists), c.discard(p))
	}
	if err := c.publish(p, path); err != nil {
		return fmt.Errorf("write blob %s: %w", dgst, errors.Join(err, c.discard(p)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.wrong, dgst)
	delete(c.labels, dgst)
	if len(labels) > 0 {
		c.labels[dgst] = labelled{labels: labels, updated: time.Now()}
	}
	return nil
}

// publish syncs the file before the rename, so that the name never stands
// for less than the whole. The rename itself is made durable by whoever
// refers to the blob from index.json.
func (c *contentStore) publish(p *partial, path string) error {
	if err := c.disk.chmod(p.file, 0o444); err != nil {
		return err
	}
	if err := c.disk.sync(p.file); err != nil {
		return err
	}
	if err := c.disk.chtimes(p.file.Name(), time.Now()); err != nil {
		return err
	}
	if err := c.disk.rename(p.file.Name(), path); err != nil {
		return err
	}
	return p.file.Close()
}
