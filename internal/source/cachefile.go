package source

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/moby/sys/atomicwriter"
)

// cacheMagic starts a cache's file. Then come the root of the workspace and
// records, sorted by path, each the path relative to the root, size, mtime,
// ctime and inode, and the digest; at the end the sha256 of all before it.
// Numbers are varints, texts have their length before them. Another version's
// file, and that of another root, is an empty cache.
const cacheMagic = "stowage fingerprints 2\n"

// read reads the cache's file.
func (c *cache) read() {
	if c.path == "" {
		return
	}
	content, err := os.ReadFile(c.path)
	if err != nil {
		return
	}
	if known, ok := decodeRecords(content, c.root); ok {
		c.known, c.used = known, make([]atomic.Bool, len(known))
	}
}

// find returns where a file's record is, which may be hint, or else where the
// file would be.
func (c *cache) find(rel string, hint int) (int, bool) {
	if hint < len(c.known) && c.known[hint].path == rel {
		return hint, true
	}
	return slices.BinarySearchFunc(c.known, rel, func(r record, rel string) int { return comparePaths(r.path, rel) })
}

// save replaces the cache's file, if there is anything new. Files that were
// not asked for this time are kept as long as they are no more than those that
// were, so that the cache does not grow with what is gone.
func (c *cache) save() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.path == "" {
		return nil
	}
	fresh := make([]record, 0, len(c.added))
	for name, a := range c.added {
		if !a.young {
			fresh = append(fresh, record{name, a.fingerprint, a.digest})
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(c.path), 0o755)
	if err == nil {
		err = atomicwriter.WriteFile(c.path, encodeRecords(c.root, c.with(fresh)), 0o600)
	}
	if err != nil {
		return fmt.Errorf("save fingerprints: %w", err)
	}
	return nil
}

// with is what to remember when there are fresh records.
func (c *cache) with(fresh []record) []record {
	out := fresh
	var idle []record
	for i, r := range c.known {
		switch _, newer := c.added[r.path]; {
		case newer && !c.added[r.path].young:
		case c.used[i].Load():
			out = append(out, r)
		default:
			idle = append(idle, r)
		}
	}
	out = append(out, idle[:min(len(idle), len(out))]...)
	slices.SortFunc(out, func(a, b record) int { return comparePaths(a.path, b.path) })
	return out
}

func encodeRecords(root string, records []record) []byte {
	out := make([]byte, 0, 128*(1+len(records)))
	out = appendText(append(out, cacheMagic...), root)
	for _, r := range records {
		out = appendText(out, r.path)
		for _, n := range []int64{r.size, r.mtime, r.ctime} {
			out = binary.AppendVarint(out, n)
		}
		out = binary.AppendUvarint(out, r.inode)
		out = append(out, r.digest[:]...)
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// decodeRecords is false for what encodeRecords cannot have written for the
// root.
func decodeRecords(content []byte, root string) ([]record, bool) {
	if len(content) < len(cacheMagic)+sha256.Size || !bytes.HasPrefix(content, []byte(cacheMagic)) {
		return nil, false
	}
	body, sum := content[:len(content)-sha256.Size], content[len(content)-sha256.Size:]
	if have := sha256.Sum256(body); !bytes.Equal(have[:], sum) {
		return nil, false
	}
	text := string(body) // the paths are parts of it
	d := decoder{rest: body[len(cacheMagic):], text: text[len(cacheMagic):]}
	if d.take(d.unsigned()) != root {
		return nil, false
	}
	out := make([]record, 0, len(body)/80)
	for len(d.rest) > 0 && !d.bad {
		var r record
		r.path = d.take(d.unsigned())
		r.size, r.mtime, r.ctime, r.inode = d.signed(), d.signed(), d.signed(), d.unsigned()
		copy(r.digest[:], d.take(sha256.Size))
		out = append(out, r)
	}
	return out, !d.bad
}

// decoder takes values off the front of bytes, and of the same as a text.
type decoder struct {
	rest []byte
	text string
	bad  bool
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.bad, d.rest, d.text = true, nil, ""
		return ""
	}
	out := d.text[:n]
	d.rest, d.text = d.rest[n:], d.text[n:]
	return out
}

func (d *decoder) unsigned() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.bad = d.bad || n <= 0
	d.take(uint64(max(n, 0)))
	return v
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.rest)
	d.bad = d.bad || n <= 0
	d.take(uint64(max(n, 0)))
	return v
}
