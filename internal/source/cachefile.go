package source

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// cacheMagic starts a cache's file. Then come records, each the length of the
// path, the path, size, mtime, ctime and inode (numbers as varints), and the
// digest; at the end the sha256 of all before it. Another version's file is an
// empty cache.
const cacheMagic = "stowage fingerprints 1\n"

// read reads the cache's file.
func (c *cache) read() {
	c.index = map[string]int{}
	if c.path == "" {
		return
	}
	content, err := os.ReadFile(c.path)
	if err != nil {
		return
	}
	known, ok := decodeRecords(content)
	if !ok {
		return
	}
	c.known, c.used = known, make([]atomic.Bool, len(known))
	for i, r := range known {
		c.index[r.path] = i
	}
}

// save replaces the cache's file, if there is anything new. Files that were
// not asked for this time are kept as long as they are no more than those that
// were, so that the cache does not grow with what is gone.
func (c *cache) save() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path == "" || len(c.added) == 0 {
		return nil
	}
	if err := replaceFile(c.path, encodeRecords(c.current())); err != nil {
		return fmt.Errorf("save fingerprints: %w", err)
	}
	return nil
}

// current is what to remember.
func (c *cache) current() []record {
	var out, idle []record
	for name, f := range c.added {
		out = append(out, record{name, f})
	}
	for i, r := range c.known {
		if _, newer := c.added[r.path]; newer {
			continue
		}
		if c.used[i].Load() {
			out = append(out, r)
		} else {
			idle = append(idle, r)
		}
	}
	out = append(out, idle[:min(len(idle), len(out))]...)
	slices.SortFunc(out, func(a, b record) int { return cmp.Compare(a.path, b.path) })
	return out
}

func encodeRecords(records []record) []byte {
	out := []byte(cacheMagic)
	for _, r := range records {
		out = binary.AppendUvarint(out, uint64(len(r.path)))
		out = append(out, r.path...)
		for _, n := range []int64{r.size, r.mtime, r.ctime} {
			out = binary.AppendVarint(out, n)
		}
		out = binary.AppendUvarint(out, r.inode)
		out = append(out, r.digest[:]...)
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// decodeRecords is false for what encodeRecords cannot have written.
func decodeRecords(content []byte) ([]record, bool) {
	if len(content) < len(cacheMagic)+sha256.Size || !bytes.HasPrefix(content, []byte(cacheMagic)) {
		return nil, false
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if have := sha256.Sum256(body); !bytes.Equal(have[:], sum) {
		return nil, false
	}
	d := decoder{rest: string(body[len(cacheMagic):])}
	var out []record
	for d.rest != "" && !d.bad {
		var r record
		r.path = strings.Clone(d.take(d.unsigned()))
		r.size, r.mtime, r.ctime, r.inode = d.signed(), d.signed(), d.signed(), d.unsigned()
		copy(r.digest[:], d.take(sha256.Size))
		out = append(out, r)
	}
	return out, !d.bad
}

// decoder takes values off the front of a text.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}

func (d *decoder) number(read func([]byte) int) {
	n := read([]byte(d.rest[:min(len(d.rest), binary.MaxVarintLen64)]))
	d.bad = d.bad || n <= 0
	d.take(uint64(max(n, 0)))
}

func (d *decoder) unsigned() (v uint64) {
	d.number(func(b []byte) (n int) { v, n = binary.Uvarint(b); return n })
	return v
}

func (d *decoder) signed() (v int64) {
	d.number(func(b []byte) (n int) { v, n = binary.Varint(b); return n })
	return v
}

// replaceFile puts a file in the place of another at once.
func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fingerprints-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
