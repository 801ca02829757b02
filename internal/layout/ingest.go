package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gofrs/flock"
)

// leaseSuffix ends the name of the file that an owner of half written files
// holds a lock on for as long as it lives.
const leaseSuffix = ".lease"

// ingest is where one Store writes files that have no name in the layout yet:
// a directory of its own, ingest/OWNER, beside a locked file OWNER.lease. Who
// can lock another's lease knows that it is dead. The lease's content is what
// its owner relies on: see pins.
type ingest struct {
	root string
	disk *disk

	mu    sync.Mutex
	dir   string
	lease *flock.Flock
}

// create makes a new, empty, private file.
func (in *ingest) create() (*os.File, error) {
	dir, err := in.own()
	if err != nil {
		return nil, fmt.Errorf("create in %s: %w", in.root, err)
	}
	return in.disk.createTemp(dir, "")
}

// own returns the directory of this owner. It is made by the first who
// writes, so reading a store leaves no trace in it.
func (in *ingest) own() (string, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for in.dir == "" {
		if err := in.claim(); err != nil {
			return "", err
		}
	}
	return in.dir, nil
}

// claim tries to become the owner of a new directory. The lease may be taken
// for a dead one in the instant before it is locked; then dir stays "".
func (in *ingest) claim() error {
	// Layouts that other tools made have no such directory.
	if err := in.disk.mkdirAll(in.root); err != nil {
		return err
	}
	f, err := in.disk.createTemp(in.root, "*"+leaseSuffix)
	if err != nil {
		return err
	}
	// Other users who collect must see that it is locked, and what is in it.
	if err := errors.Join(in.disk.chmod(f, 0o644), f.Close()); err != nil {
		return err
	}
	lease := flock.New(f.Name(), flock.SetFlag(os.O_RDONLY))
	held, err := lease.TryLock()
	if errors.Is(err, fs.ErrNotExist) || (err == nil && !held) {
		return nil
	}
	if err != nil {
		return err
	}
	if !current(lease) {
		return lease.Close()
	}
	dir := strings.TrimSuffix(f.Name(), leaseSuffix)
	if err := in.disk.mkdir(dir); err != nil {
		return errors.Join(err, in.disk.remove(f.Name()), lease.Close())
	}
	in.dir, in.lease = dir, lease
	return nil
}

// note appends to the lease. Nothing of it needs to be durable: what stops the
// machine ends the owner.
func (in *ingest) note(lines string) error {
	if _, err := in.own(); err != nil {
		return err
	}
	f, err := os.OpenFile(in.lease.Path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = in.disk.write(f, []byte(lines))
	return errors.Join(err, f.Close())
}

// current reports whether the locked file is still the one with that name.
func current(l *flock.Flock) bool {
	locked, err := l.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(l.Path())
	return err == nil && os.SameFile(locked, named)
}

// close removes the owner's files and gives the lease back.
func (in *ingest) close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.dir == "" {
		return nil
	}
	err := in.disk.removeOwner(in.lease)
	in.dir, in.lease = "", nil
	return err
}

// removeOwner removes what belongs to a lease that the caller has locked, then
// the lease: as long as that is there, the rest is found.
func (d *disk) removeOwner(lease *flock.Flock) error {
	err := d.removeAll(strings.TrimSuffix(lease.Path(), leaseSuffix))
	if err == nil {
		err = d.remove(lease.Path())
	}
	return errors.Join(err, lease.Close())
}

// removeStale removes the files of owners that are dead. It never touches
// those of a live one, and leaves what it may not remove: that is no reason
// not to read the store.
func (d *disk) removeStale(root string) error {
	return eachStale(root, leaseSuffix, func(lease *flock.Flock) error {
		if err := d.removeOwner(lease); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	})
}

// eachStale calls fn with each file in root that ends in suffix and that its
// owner, who has died, does not lock any more: it is locked now.
func eachStale(root, suffix string, fn func(*flock.Flock) error) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if err := ifStale(filepath.Join(root, e.Name()), fn); err != nil {
			return err
		}
	}
	return nil
}

func ifStale(path string, fn func(*flock.Flock) error) error {
	lease := flock.New(path, flock.SetFlag(os.O_RDONLY))
	held, err := lease.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil
	case err != nil:
		return err
	case !held:
		return nil
	case !current(lease):
		return lease.Close()
	}
	defer lease.Close()
	return fn(lease)
}
