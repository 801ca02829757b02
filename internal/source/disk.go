package source

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/stowage-build/stowage/planner"
)

// examine looks at the entries on disk.
func (t *Tree) examine(ctx context.Context, entries []entry) error {
	r := t.reader(entries)
	for i := range entries {
		if i%chunk == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := r.read(ctx, &entries[i]); err != nil {
			return err
		}
	}
	return r.settle(ctx)
}

// readEntry looks at one path on disk.
func (t *Tree) readEntry(ctx context.Context, e *entry) error {
	r := t.reader([]entry{*e})
	if err := r.read(ctx, e); err != nil {
		return err
	}
	return r.settle(ctx)
}

// reader looks at entries on disk, one after the other.
type reader struct {
	*Tree
	// text has the entries' strings: one allocation for all.
	text strings.Builder
	next int // where in the cache the next file may be
	// filtered are files that settle is to tell of.
	filtered []filtered
}

// reader is one for so many entries.
func (t *Tree) reader(entries []entry) *reader {
	r := &reader{Tree: t}
	size := len(entries) * (len(t.root) + len("/") + 2*len(digest{}))
	for i := range entries {
		size += len(entries[i].rel)
	}
	r.text.Grow(size)
	return r
}

// read looks at one path on disk.
func (r *reader) read(ctx context.Context, e *entry) error {
	if err := checkName(e); err != nil {
		return err
	}
	e.Origin = r.origin(e.rel)
	if e.Type == planner.FileDirectory {
		return nil
	}
	var st syscall.Stat_t
	err := lstat(e.Origin, &st)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || (err == nil && kind(&st) == syscall.S_IFDIR) {
		e.gone = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", e.rel, err)
	}
	switch kind(&st) {
	case syscall.S_IFREG:
		link, err := r.setMode(ctx, e, &st)
		if err != nil {
			return fmt.Errorf("read %s: %w", e.rel, err)
		}
		if link {
			break
		}
		e.Size = st.Size
		sum, err := r.cache.get(e.rel, e.Origin, stamp(&st), &r.next)
		if err != nil {
			return fmt.Errorf("hash %s: %w", e.rel, err)
		}
		e.Digest = r.hex(sum)
	case syscall.S_IFLNK:
		if err := readLink(e); err != nil {
			return err
		}
	default:
		return mistake("%s is neither a file, a directory nor a symlink (%s); remove it or leave it out with .dockerignore", e.rel, irregular(kind(&st)))
	}
	if e.object != "" {
		return r.checkLate(ctx, e, &st)
	}
	return nil
}

// irregular names types of files that cannot be sent.
func irregular(kind uint32) string {
	switch kind {
	case syscall.S_IFIFO:
		return "a pipe"
	case syscall.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}

// origin is Tree.at for a path that is clean.
func (r *reader) origin(rel string) string {
	if isOutside(rel) || r.root == "/" {
		return r.at(rel)
	}
	start := r.text.Len()
	r.text.WriteString(r.root)
	r.text.WriteByte(filepath.Separator)
	r.text.WriteString(rel)
	return r.text.String()[start:]
}

func (r *reader) hex(sum digest) string {
	start := r.text.Len()
	var digits [2 * len(sum)]byte
	hex.Encode(digits[:], sum[:])
	r.text.Write(digits[:])
	return r.text.String()[start:]
}

func readLink(e *entry) error {
	link, err := os.Readlink(e.Origin)
	if err != nil {
		return fmt.Errorf("read %s: %w", e.rel, err)
	}
	return setLink(e, filepath.ToSlash(link))
}

// checkName refuses a name that the builder cannot be told.
func checkName(e *entry) error {
	if !utf8.ValidString(e.Path) {
		return mistake("the file name %q is not UTF-8, so it cannot be sent to the builder; rename it or leave it out with .dockerignore", e.rel)
	}
	return nil
}

// setLink makes an entry a symlink.
func setLink(e *entry, link string) error {
	if !utf8.ValidString(link) {
		return mistake("the symlink %s points to %q, which is not UTF-8, so it cannot be sent to the builder; change it or leave it out with .dockerignore", e.rel, link)
	}
	e.Type, e.Link = planner.FileSymlink, link
	return nil
}
