package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"
)

// CollectOptions say which images to remove, besides what nothing refers to.
// Several limits hold together.
type CollectOptions struct {
	// OlderThan removes images that nobody has looked up or written for that
	// long; 0 is no limit. Looking up counts once an hour.
	OlderThan time.Duration
	// MaxSize removes images, those first that were not used for longest,
	// until all blobs together have that many bytes or fewer; 0 is no limit.
	MaxSize int64
	// KeepLast keeps the images of each repository that were used last,
	// whatever their age or size: that many; 0 is none. Without other limits
	// all other images are removed.
	KeepLast int
	// DryRun removes nothing.
	DryRun bool
	// Now is the time that ages are counted from; zero is time.Now.
	Now time.Time
}

// Why an image is removed.
const (
	WhyAge   = "age"   // OlderThan
	WhySize  = "size"  // MaxSize
	WhyCount = "count" // KeepLast
)

// CollectedImage is an image that was removed.
type CollectedImage struct {
	Ref    string        `json:"ref"`
	Digest digest.Digest `json:"digest"`
	// Why is one of WhyAge, WhySize and WhyCount.
	Why string `json:"why"`
	// Used is when it was looked up or written last; zero when its index is
	// lost.
	Used time.Time `json:"used"`
}

// Collected is what a collection removed, or would have.
type Collected struct {
	// Images in the order of references.
	Images []CollectedImage `json:"images"`
	// Artifacts is how many lists of artifacts, and records of resolved hashes,
	// were removed, whose image is gone.
	Artifacts int `json:"artifacts"`
	// Blobs and Bytes are files that were removed and their size.
	Blobs int   `json:"blobs"`
	Bytes int64 `json:"bytes"`
	// Leftovers are what dead processes left half written.
	Leftovers int `json:"leftovers"`
	// InUse are references of images that a limit would have removed, but for
	// a process that uses them, sorted.
	InUse []string `json:"in_use"`
	// Left is the size of all blobs that are still there, in bytes.
	Left int64 `json:"left"`
	// DryRun says that nothing was removed.
	DryRun bool `json:"dry_run"`
}

// Collect removes images by opts, then blobs that no image needs, lists of
// artifacts about what is gone, and what dead processes left.
//
// What an open Store, here or in another process, has written, found or looked
// up stays until that is closed (see pins), so Collect may run at any time. On
// an error what was removed stays removed, and the layout is valid.
func (s *Store) Collect(ctx context.Context, opts CollectOptions) (*Collected, error) {
	if opts.Now.IsZero() {
		opts.Now = time.Now()
	}
	c := &collector{
		store: s, opts: opts, closures: newClosures(s.content),
		result: &Collected{Images: []CollectedImage{}, InUse: []string{}, DryRun: opts.DryRun},
	}
	if err := c.run(ctx); err != nil {
		return nil, fmt.Errorf("collect garbage in the store: %w", err)
	}
	return c.result, nil
}

// collector is one run of Collect.
type collector struct {
	store    *Store
	opts     CollectOptions
	closures *closures
	result   *Collected

	// reached is what the entries of catalog need.
	catalog *catalog
	reached reach
}

// run frees space before it writes index.json, since the disk may be full.
func (c *collector) run(ctx context.Context) error {
	if err := c.leftovers(); err != nil {
		return err
	}
	if c.opts.DryRun {
		return c.rehearse(ctx)
	}
	if err := c.sweep(ctx); err != nil {
		return err
	}
	dropped, err := c.drop(ctx)
	if err != nil || !dropped {
		return err
	}
	return c.sweep(ctx)
}

// leftovers removes what dead processes left: the locks of their builds, and
// what they have in the ingest directory, also what lost its lease.
func (c *collector) leftovers() error {
	if err := c.nodeLocks(); err != nil {
		return err
	}
	disk, root := c.store.disk, filepath.Join(c.store.dir, ingestDir)
	err := eachStale(root, leaseSuffix, func(lease *flock.Flock) error {
		c.result.Leftovers++
		if c.opts.DryRun {
			return nil
		}
		return disk.removeOwner(lease)
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		// Leases come before directories, and go after them.
		if _, err := os.Stat(path + leaseSuffix); !e.IsDir() || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		c.result.Leftovers++
		if c.opts.DryRun {
			continue
		}
		if err := disk.removeAll(path); err != nil {
			return err
		}
	}
	return nil
}

// nodeLocks removes the files of builds whose process has died.
func (c *collector) nodeLocks() error {
	return eachStale(filepath.Join(c.store.dir, buildsDir), nodeLockSuffix, func(l *flock.Flock) error {
		c.result.Leftovers++
		if c.opts.DryRun {
			return nil
		}
		return c.store.disk.remove(l.Path())
	})
}

// lock takes gcFile's lock: nobody pins anything while it is held. It is held
// for moments.
func (c *collector) lock(ctx context.Context) (unlock func(), err error) {
	l := flock.New(c.store.content.pins.lockPath, flock.SetPermissions(0o644))
	if _, err := l.TryLockContext(ctx, lockRetry); err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Close() }, nil
}

// load returns what index.json says. What a damaged one has lost may be needed.
func (c *collector) load() (*catalog, error) {
	current, err := c.store.index.load()
	if err == nil && current.damage != nil {
		return nil, fmt.Errorf("%w; stowage apply repairs it", current.damage)
	}
	return current, err
}

func (c *collector) pins() (*inUse, error) {
	return readPins(filepath.Join(c.store.dir, ingestDir))
}

// drop removes entries of index.json, and reports whether it did. What they
// need is read before the lock is taken, so that little is read under it.
func (c *collector) drop(ctx context.Context) (bool, error) {
	current, err := c.load()
	if err != nil {
		return false, err
	}
	if _, err := c.selectFrom(current, &inUse{}); err != nil {
		return false, err
	}
	unlock, err := c.store.alone(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	release, err := c.lock(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	used, err := c.pins()
	if err != nil {
		return false, err
	}
	if current, err = c.load(); err != nil {
		return false, err
	}
	gone, err := c.selectFrom(current, used)
	if err != nil {
		return false, err
	}
	c.result.note(gone)
	if len(gone.refs) == 0 {
		return false, nil
	}
	return true, c.store.writeIndexFile(current, current.without(gone.refs))
}

// note takes down what is removed from index.json.
func (r *Collected) note(s *selection) {
	r.Images = append(r.Images, s.images...)
	r.InUse = append(r.InUse, s.inUse...)
	r.Artifacts += len(s.refs) - len(s.images)
}

// rehearse finds out what a run would remove.
func (c *collector) rehearse(ctx context.Context) error {
	release, err := c.lock(ctx)
	if err != nil {
		return err
	}
	used, err := c.pins()
	release()
	if err != nil {
		return err
	}
	current, err := c.load()
	if err != nil {
		return err
	}
	gone, err := c.selectFrom(current, used)
	if err != nil {
		return err
	}
	c.result.note(gone)
	needs, err := c.needs(newCatalog(current.without(gone.refs)), used)
	if err != nil {
		return err
	}
	return c.eachBlob(func(dgst digest.Digest, size int64) error {
		if needs(dgst) {
			c.result.Left += size
		} else {
			c.result.Blobs++
			c.result.Bytes += size
		}
		return nil
	})
}

// eachBlob calls fn with the files in the blobs directory that are blobs.
func (c *collector) eachBlob(fn func(digest.Digest, int64) error) error {
	entries, err := os.ReadDir(c.store.content.blobs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dgst := digest.NewDigestFromEncoded(digest.SHA256, e.Name())
		if strings.HasPrefix(e.Name(), ".") || dgst.Validate() != nil {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := fn(dgst, info.Size()); err != nil {
			return err
		}
	}
	return nil
}
