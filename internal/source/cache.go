package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// settled is how long a file must have been left alone before its digest is
// remembered. A file can be written twice within one tick of its file
// system's clock, the second time unseen by its times: git calls such entries
// racy (Documentation/technical/racy-git). Two seconds is FAT's tick, the
// coarsest.
const settled = 2 * time.Second

// cache remembers digests of files that have not changed since. A damaged or
// missing file is an empty cache.
type cache struct {
	path string

	mu      sync.Mutex
	known   map[string]fingerprint
	changed bool
}

// fingerprint identifies a content of a file.
type fingerprint struct {
	Size, MTime, CTime int64 // bytes; nanoseconds
	Inode, Device      uint64
	Digest             [sha256.Size]byte
}

func openCache(path string) *cache {
	c := &cache{path: path, known: map[string]fingerprint{}}
	if path == "" {
		return c
	}
	content, err := os.ReadFile(path)
	if err != nil || len(content) < sha256.Size {
		return c
	}
	sum, body := content[:sha256.Size], content[sha256.Size:]
	if now := sha256.Sum256(body); !bytes.Equal(now[:], sum) {
		return c
	}
	if gob.NewDecoder(bytes.NewReader(body)).Decode(&c.known) != nil {
		c.known = map[string]fingerprint{}
	}
	return c
}

// digest returns the lower-case hex sha256 of a file's content. A file that
// changes while it is read is an error.
func (c *cache) digest(path string, info fs.FileInfo) (string, error) {
	now := stamp(info)
	c.mu.Lock()
	known, ok := c.known[path]
	c.mu.Unlock()
	now.Digest = known.Digest
	if ok && known == now {
		return hex.EncodeToString(known.Digest[:]), nil
	}
	sum, after, err := hashFile(path)
	if err != nil {
		return "", err
	}
	now.Digest = sum
	if after.Digest = sum; after != now {
		return "", errors.New("the file changed while it was read; run again")
	}
	age := time.Since(time.Unix(0, max(now.MTime, now.CTime)))
	if age > settled {
		c.mu.Lock()
		c.known[path], c.changed = now, true
		c.mu.Unlock()
	}
	return hex.EncodeToString(sum[:]), nil
}

// hashFile hashes a file and returns its stamp as it was afterwards.
func hashFile(path string) (sum [sha256.Size]byte, after fingerprint, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, after, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, after, err
	}
	info, err := f.Stat()
	if err != nil {
		return sum, after, err
	}
	return [sha256.Size]byte(h.Sum(nil)), stamp(info), nil
}

// stamp is what the file system says of a file.
func stamp(info fs.FileInfo) fingerprint {
	f := fingerprint{Size: info.Size(), MTime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.CTime, f.Inode, f.Device = st.Ctim.Nano(), st.Ino, uint64(st.Dev)
	}
	return f
}

// save replaces the cache's file, if there is anything new.
func (c *cache) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || !c.changed {
		return nil
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(c.known); err != nil {
		return fmt.Errorf("save fingerprints: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	if err := os.MkdirAll(filepath.Dir(c.path), 0o755); err != nil {
		return fmt.Errorf("save fingerprints: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), ".fingerprints-*")
	if err != nil {
		return fmt.Errorf("save fingerprints: %w", err)
	}
	_, err = f.Write(append(sum[:], body.Bytes()...))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path)
	}
	if err != nil {
		return fmt.Errorf("save fingerprints: %w", errors.Join(err, os.Remove(f.Name())))
	}
	c.changed = false
	return nil
}
