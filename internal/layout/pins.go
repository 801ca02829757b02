package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// pins are what one open store relies on: blobs that it has written or found,
// images that it has looked up, and the references that it has seen in
// index.json. Collect removes none of it while the store is open.
//
// They are noted down in the owner's lease (see ingest), which is alive for as
// long as its lock is held. Who notes something down holds gcFile's lock,
// shared, for the moment that it takes; Collect holds it alone while it reads
// the leases and removes a few files. So what is noted down is either seen by
// Collect, or what it removed is gone before the pin is there: after hold has
// returned, what is found stays.
type pins struct {
	lockPath string
	ingest   *ingest

	mu   sync.Mutex
	held map[string]bool
}

// A pin is a line of a lease.
func pinBlob(dgst digest.Digest) string { return "blob " + dgst.String() }

// pinImage is of a manifest or index, with all that it refers to.
func pinImage(dgst digest.Digest) string { return "image " + dgst.String() }

func pinRef(ref string) string { return "ref " + strconv.Quote(ref) }

// pinEntry is of what index.json has under a reference.
func pinEntry(desc ocispec.Descriptor) []string {
	keys := []string{pinImage(desc.Digest)}
	if ref := desc.Annotations[ocispec.AnnotationRefName]; ref != "" {
		keys = append(keys, pinRef(ref))
	}
	return keys
}

// hold notes down the pins that find returns. While find runs nothing is
// collected. A store that cannot be written to has no pins: what is in it is
// there until somebody else removes it.
func (p *pins) hold(ctx context.Context, find func() ([]string, error)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	unlock, err := p.share(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	keys, err := find()
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, key := range keys {
		if !p.held[key] {
			lines.WriteString(key + "\n")
		}
	}
	if lines.Len() == 0 {
		return nil
	}
	if err := p.ingest.note(lines.String()); err != nil && !readOnly(err) {
		return err
	}
	for _, key := range keys {
		p.held[key] = true
	}
	return nil
}

// keep holds pins that are known.
func (p *pins) keep(ctx context.Context, keys ...string) error {
	if p.holds(keys) {
		return nil
	}
	return p.hold(ctx, func() ([]string, error) { return keys, nil })
}

func (p *pins) holds(keys []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range keys {
		if !p.held[key] {
			return false
		}
	}
	return true
}

// forget begins anew, for when the lease is given back.
func (p *pins) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.held)
}

// share takes the lock together with others.
func (p *pins) share(ctx context.Context) (unlock func(), err error) {
	l := flock.New(p.lockPath, flock.SetPermissions(0o644))
	if _, err := l.TryRLockContext(ctx, lockRetry); err != nil && !readOnly(err) {
		return nil, fmt.Errorf("lock %s: %w", p.lockPath, err)
	}
	return func() { _ = l.Close() }, nil
}

func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// resolve returns the entry of index.json for ref, pinned.
func (s *Store) resolve(ctx context.Context, ref string) (desc ocispec.Descriptor, err error) {
	find := func() ([]string, error) {
		c, err := s.index.load()
		if err != nil {
			return nil, err
		}
		found, ok := c.byRef[ref]
		if !ok {
			return nil, fmt.Errorf("the store has no %s: %w", ref, errdefs.ErrNotFound)
		}
		desc = found
		return pinEntry(desc), nil
	}
	if keys, err := find(); err != nil || s.content.pins.holds(keys) {
		return desc, err
	}
	return desc, s.content.pins.hold(ctx, find)
}

// pin pins images that are to be under ref.
func (s *Store) pin(ctx context.Context, ref string, images []ocispec.Descriptor) error {
	keys := []string{pinRef(ref)}
	for _, desc := range images {
		keys = append(keys, pinImage(desc.Digest))
	}
	return s.content.pins.keep(ctx, keys...)
}

// pinned returns index.json with all its entries pinned.
func (s *Store) pinned(ctx context.Context) (c *catalog, err error) {
	err = s.content.pins.hold(ctx, func() ([]string, error) {
		if c, err = s.index.load(); err != nil {
			return nil, err
		}
		var keys []string
		for _, desc := range c.index.Manifests {
			keys = append(keys, pinEntry(desc)...)
		}
		return keys, nil
	})
	return c, err
}

// inUse is what the live owners of leases rely on.
type inUse struct {
	blobs, images map[digest.Digest]bool
	refs          map[string]bool
}

// readPins reads the leases of all that are alive. It needs gcFile's lock.
func readPins(root string) (*inUse, error) {
	u := &inUse{blobs: map[digest.Digest]bool{}, images: map[digest.Digest]bool{}, refs: map[string]bool{}}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return u, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), leaseSuffix) {
			continue
		}
		data, err := readLive(filepath.Join(root, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read what is in use: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			u.add(strings.TrimSuffix(line, "\n"))
		}
	}
	return u, nil
}

// readLive returns the content of a lease, or nothing when it is a dead one's.
func readLive(path string) ([]byte, error) {
	lease := flock.New(path, flock.SetFlag(os.O_RDONLY))
	dead, err := lease.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if dead {
		return nil, lease.Close()
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (u *inUse) add(line string) {
	kind, what, _ := strings.Cut(line, " ")
	switch kind {
	case "blob":
		u.blobs[digest.Digest(what)] = true
	case "image":
		u.images[digest.Digest(what)] = true
	case "ref":
		if ref, err := strconv.Unquote(what); err == nil {
			u.refs[ref] = true
		}
	}
}
