package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// settled is how long a file must have been left alone before its digest is
// remembered. A file can be written twice within one tick of its file
// system's clock, the second time unseen by its times: git calls such entries
// racy (gitformat-index(5) and Documentation/technical/racy-git). Two seconds
// is FAT's tick, the coarsest.
const settled = 2 * time.Second

// cache remembers digests of files that have not changed since. It is safe for
// concurrent use. A damaged or missing file is an empty cache.
type cache struct {
	path string // "" is none

	load sync.Once
	// index, known and used are what the file had: where a path is in known,
	// and whether it has been asked for. Only used changes.
	index map[string]int
	known []record
	used  []atomic.Bool

	mu    sync.Mutex
	added map[string]fingerprint

	buffers sync.Pool // of *[]byte, to read files with
}

// record is a file and its content, as remembered.
type record struct {
	path string
	fingerprint
}

// fingerprint identifies a content of a file. Like git's index it does without
// the device, which changes when a disk is mounted anew.
type fingerprint struct {
	size, mtime, ctime int64 // bytes; nanoseconds since 1970
	inode              uint64
	digest             [sha256.Size]byte
}

// same reports whether the file system says the same of two.
func (f fingerprint) same(g fingerprint) bool {
	g.digest = f.digest
	return f == g
}

// digest returns the lower-case hex sha256 of the content of a regular file. A
// file that changes while it is read is an error.
func (c *cache) digest(path string, info fs.FileInfo) (string, error) {
	c.load.Do(c.read)
	before := stamp(info)
	if i, ok := c.index[path]; ok && c.known[i].same(before) {
		c.used[i].Store(true)
		return hex.EncodeToString(c.known[i].digest[:]), nil
	}
	now := time.Now()
	after, err := c.hashFile(path)
	if err != nil {
		return "", err
	}
	if !after.same(before) {
		return "", errors.New("the file changed while it was read; run again")
	}
	if now.Sub(time.Unix(0, max(after.mtime, after.ctime))) > settled {
		c.add(path, after)
	}
	return hex.EncodeToString(after.digest[:]), nil
}

func (c *cache) add(path string, f fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.added == nil {
		c.added = map[string]fingerprint{}
	}
	c.added[path] = f
}

// hashFile hashes a file. What the file system says of it is as it was
// afterwards.
func (c *cache) hashFile(path string) (fingerprint, error) {
	f, err := openRegular(path)
	if err != nil {
		return fingerprint{}, err
	}
	defer f.Close()
	buffer, ok := c.buffers.Get().(*[]byte)
	if !ok {
		b := make([]byte, 64<<10)
		buffer = &b
	}
	defer c.buffers.Put(buffer)
	h := sha256.New()
	// Without its other methods the file is read into the buffer.
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, *buffer); err != nil {
		return fingerprint{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return fingerprint{}, err
	}
	out := stamp(info)
	h.Sum(out.digest[:0])
	return out, nil
}

// openRegular opens a file that was a regular one. If it has become a symlink
// that is an error, and a pipe does not block.
func openRegular(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// stamp is what the file system says of a file.
func stamp(info fs.FileInfo) fingerprint {
	f := fingerprint{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.ctime, f.inode = st.Ctim.Nano(), st.Ino
	}
	return f
}
