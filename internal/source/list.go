package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/schema"
)

// state is what is known of a path before it is looked at.
type state uint8

const (
	// unchanged: on disk as it is in HEAD. Outside git, everything is.
	unchanged state = iota
	// changed: on disk, and not so in HEAD.
	changed
	// absent: in HEAD or in git's index, and not on disk: removed, left out by
	// a sparse checkout, or a submodule that is not checked out.
	absent
	// hollow: a directory that has nothing in it. Git knows no such
	// directories, a clone does not have them: only outside git.
	hollow
	// closed: a directory that may not be read.
	closed
)

// item is one path of a listing.
type item struct {
	path  string // slash-separated, relative to the listed directory
	state state
	// object is "MODE ID" of an unchanged file in git's index, else "".
	object string
}

// listing is what belongs to a directory, sorted by path as a string.
type listing struct {
	items []item
	// git says that the directory is in a work tree.
	git bool
}

// below returns the items below a directory of the listing ("." is all), whose
// paths start with prefix.
func (l *listing) below(dir string) (items []item, prefix string) {
	if dir == "." {
		return l.items, ""
	}
	prefix = dir + "/"
	start, _ := slices.BinarySearchFunc(l.items, prefix, compareItem)
	end := start
	for end < len(l.items) && strings.HasPrefix(l.items[end].path, prefix) {
		end++
	}
	return l.items[start:end], prefix
}

// differs reports whether a file of the listed directory is not as in HEAD.
// Files that git ignores are not.
func (l *listing) differs(name string) bool {
	if !l.git {
		return false
	}
	i, found := slices.BinarySearchFunc(l.items, name, compareItem)
	return !found || l.items[i].state != unchanged
}

func compareItem(i item, name string) int { return strings.Compare(i.path, name) }

// arrange sorts items and keeps one for each path. What is on disk goes before
// what was removed from the index there: then it is another file.
func arrange(items []item) []item {
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(strings.Compare(a.path, b.path), cmp.Compare(rank(a), rank(b)))
	})
	return slices.CompactFunc(items, func(a, b item) bool { return a.path == b.path })
}

// rank orders the states of one path by how much they say.
func rank(i item) int {
	switch i.state {
	case changed:
		return 0
	case unchanged:
		return 1
	}
	return 2
}

// listing is git's listing that a directory is in, and the directory in it. It
// is the workspace's, or for a directory outside of it that one's own. Outside
// git it is empty.
func (t *Tree) listing(ctx context.Context, dir string) (*listing, string, error) {
	base, inside := t.root, dir
	if isOutside(dir) {
		base, inside = t.at(dir), "."
	}
	l, err := t.listings.get(ctx, base, func(ctx context.Context) (*listing, error) { return listGit(ctx, base) })
	return l, inside, err
}

// files lists a directory, given relative to the root. The items are those
// whose paths start with prefix. What is in directories for which prune says
// so may be left out.
func (t *Tree) files(ctx context.Context, dir string, prune func(dir string) bool) (items []item, prefix string, err error) {
	l, inside, err := t.listing(ctx, dir)
	if err != nil {
		return nil, "", err
	}
	if l.git {
		items, prefix = l.below(inside)
		return items, prefix, nil
	}
	items, err = walk(t.at(dir), prune)
	return items, "", err
}

// walk lists everything below a directory but git's own.
func walk(dir string, prune func(dir string) bool) ([]item, error) {
	w := &walker{dir: dir, prune: prune}
	if _, err := w.visit(""); err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return arrange(w.items), nil
}

type walker struct {
	dir   string
	prune func(dir string) bool
	items []item
}

// visit adds what is below a directory, and reports whether that is anything.
func (w *walker) visit(rel string) (bool, error) {
	entries, err := os.ReadDir(filepath.Join(w.dir, filepath.FromSlash(rel)))
	switch {
	case errors.Is(err, fs.ErrPermission) && rel != "":
		w.items = append(w.items, item{path: rel, state: closed})
		return true, nil
	case err != nil:
		return false, err
	}
	found := false
	for _, e := range entries {
		name := path.Join(rel, e.Name())
		switch {
		case e.Name() == ".git", !e.IsDir() && schema.IsConfigFile(e.Name()):
			continue
		case !e.IsDir():
			w.items = append(w.items, item{path: name, state: unchanged})
		case w.prune(name):
			w.items = append(w.items, item{path: name, state: hollow}) // its parent has something in it
		default:
			some, err := w.visit(name)
			if err != nil {
				return false, err
			}
			if !some {
				w.items = append(w.items, item{path: name, state: hollow})
			}
		}
		found = true
	}
	return found, nil
}
