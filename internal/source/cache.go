package source

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io/fs"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// settled is how long a file must have been left alone before its digest is
// remembered from run to run. A file can be written twice within one tick of
// its file system's clock, the second time unseen by its times: git calls such
// entries racy (gitformat-index(5) and Documentation/technical/racy-git). Two
// seconds is FAT's tick, the coarsest.
//
// The kernel stamps files of its own file systems with the clock that time.Now
// reads. A file server uses its own, and if that is behind, a file seems to be
// older than it is; so there it must have been left alone for longer than
// servers' clocks are off (docs/decisions/0023-clocks-of-file-servers.md).
const (
	settled       = 2 * time.Second
	settledRemote = 10 * time.Minute
)

// cache remembers digests of files that have not changed since. It is safe for
// concurrent use. A damaged, missing or foreign file is an empty cache.
//
// Every file is looked at in every run, and its digest taken from here only
// while size, both times and inode are what they were when it was read. What
// git's index says is no substitute for that look: its times may be older than
// the file, and its ids are of what git would store, which its filters (line
// ends, git-lfs) let different files share.
type cache struct {
	path string // "" is none
	root string // that the records' paths are relative to
	now  func() time.Time
	// remote reports whether an open file has times by another clock.
	remote func(fd int) bool

	load sync.Once
	// known and used are what the file had, sorted as comparePaths does. Only
	// used changes: whether a record has been asked for.
	known []record
	used  []atomic.Bool

	mu    sync.RWMutex
	added map[string]addition

	hashers sync.Pool // of *hasher
}

// record is a file and its content, as remembered.
type record struct {
	path string
	fingerprint
	digest digest
}

type digest [sha256.Size]byte

// addition is what this run has read.
type addition struct {
	fingerprint
	digest
	// young says that the file had not settled: other runs are not to know it.
	// In this one everything is read once.
	young bool
}

// get returns the sha256 of the content of a regular file, rel in the cache
// and full on disk. hint is the record that it may be, and is set to the one
// after it: files that follow each other here do so in the cache. A file that
// changes while it is read is an error.
func (c *cache) get(rel, full string, before fingerprint, hint *int) (digest, error) {
	c.load.Do(c.read)
	if i, found := c.find(rel, *hint); found {
		*hint = i + 1
		if c.known[i].fingerprint == before {
			c.used[i].Store(true)
			return c.known[i].digest, nil
		}
	}
	c.mu.RLock()
	have, found := c.added[rel]
	c.mu.RUnlock()
	if found && have.fingerprint == before {
		return have.digest, nil
	}
	now := c.now()
	sum, after, remote, err := c.hashFile(full, before.size)
	if err != nil {
		return sum, err
	}
	if after != before {
		return sum, errors.New("the file changed while it was read; run again")
	}
	age := now.Sub(time.Unix(0, max(after.mtime, after.ctime)))
	young := age <= settled || age <= settledRemote && remote
	c.add(rel, addition{after, sum, young})
	return sum, nil
}

func (c *cache) add(rel string, a addition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.added == nil {
		c.added = map[string]addition{}
	}
	c.added[rel] = a
}

// hasher is what it takes to hash a file.
type hasher struct {
	hash.Hash
	buffer [64 << 10]byte
}

// hashFile hashes a file that had a size. What the file system says of it is
// as it was afterwards. remote says that its times are by another clock.
func (c *cache) hashFile(full string, size int64) (sum digest, after fingerprint, remote bool, err error) {
	fd, err := openRaw(full)
	if err != nil {
		return sum, after, false, err
	}
	defer func() { err = errors.Join(err, syscall.Close(fd)) }()
	h, ok := c.hashers.Get().(*hasher)
	if !ok {
		h = &hasher{Hash: sha256.New()}
	}
	defer c.hashers.Put(h)
	h.Reset()
	total := int64(0)
	for {
		n, err := readRaw(fd, h.buffer[:])
		if err != nil {
			return sum, after, false, &fs.PathError{Op: "read", Path: full, Err: err}
		}
		h.Write(h.buffer[:n])
		total += int64(n)
		if n == 0 || total == size { // if there is more, the size tells
			break
		}
	}
	var st syscall.Stat_t
	if err := again(func() error { return syscall.Fstat(fd, &st) }); err != nil {
		return sum, after, false, &fs.PathError{Op: "stat", Path: full, Err: err}
	}
	h.Sum(sum[:0])
	if after = stamp(&st); after.size != total {
		return sum, after, false, errors.New("the file is of another size than the file system says; run again")
	}
	return sum, after, c.remote(fd), nil
}
