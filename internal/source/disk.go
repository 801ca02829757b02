package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"unicode/utf8"

	"github.com/stowage-build/stowage/planner"
)

// examine looks at the entries on disk.
func (t *Tree) examine(ctx context.Context, entries []entry) error {
	for i := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.readEntry(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// readEntry looks at one path on disk.
func (t *Tree) readEntry(e *entry) error {
	if err := checkName(e); err != nil {
		return err
	}
	e.Origin = t.at(e.rel)
	if e.Type == planner.FileDirectory {
		return nil
	}
	info, err := os.Lstat(e.Origin)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || (err == nil && info.IsDir()) {
		e.gone = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", e.rel, err)
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.Type, e.Size = planner.FileRegular, info.Size()
		if mode&0o100 != 0 {
			e.Type = planner.FileExecutable
		}
		if e.Digest, err = t.cache.digest(e.Origin, info); err != nil {
			return fmt.Errorf("hash %s: %w", e.rel, err)
		}
	case mode&fs.ModeSymlink != 0:
		return t.readLink(e)
	default:
		return mistake("%s is neither a file, a directory nor a symlink (%s); remove it or leave it out with .dockerignore", e.rel, mode.Type())
	}
	return nil
}

func (t *Tree) readLink(e *entry) error {
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
