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
	"time"

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
	// sparse says that it is absent because a sparse checkout leaves it out.
	sparse bool
	// object is "MODE ID" of a file in git's index. Of one that git would add
	// it is the mode of new files, and else "".
	object string
}

// newFile is the object of a file that git does not have and would add.
const newFile = modeRegular

// indexed is the mode that git's index has for the file, "" where git has no
// say.
func (i *item) indexed() string { return i.object[:min(len(i.object), len(modeRegular))] }

// found is the object of a file that git found as it is in HEAD.
func (i *item) found() string {
	if i.state != unchanged {
		return ""
	}
	return i.object
}

// listing is what belongs to a directory, sorted by path as a string.
type listing struct {
	items []item
	// git says that the directory is in a work tree.
	git bool
	// head is the commit of HEAD, "" before the first.
	head string
}

// found is what is in a directory.
type found struct {
	items []item
	// prefix is how the paths of all items start.
	prefix string
	// rooted says that the paths are relative to the workspace's root.
	rooted bool
}

// below returns the items below a directory of the listing ("." is all), whose
// paths start with prefix.
func (l *listing) below(dir string) (items []item, prefix string) {
	if dir == "." {
		return l.items, ""
	}
	prefix = dir + "/"
	start, _ := slices.BinarySearchFunc(l.items, prefix, compareItem)
	// What comes right after all that start with the slash.
	end, _ := slices.BinarySearchFunc(l.items[start:], dir+string('/'+1), compareItem)
	return l.items[start : start+end], prefix
}

// item returns the item of a path.
func (l *listing) item(name string) (item, bool) {
	i, found := slices.BinarySearchFunc(l.items, name, compareItem)
	if !found {
		return item{}, false
	}
	return l.items[i], true
}

// unchanged returns the item of a file that is on disk as it is in HEAD.
func (l *listing) unchanged(name string) (item, bool) {
	i, found := l.item(name)
	return i, found && i.state == unchanged
}

func compareItem(i item, name string) int { return strings.Compare(i.path, name) }

// arrange sorts items and keeps one for each path. What is on disk goes before
// what was removed from the index there: then it is another file.
func arrange(items []item) []item {
	slices.SortFunc(items, compareItems)
	return slices.CompactFunc(items, samePath)
}

// merge is arrange for items that are sorted and some more.
func merge(sorted, more []item) []item {
	if !slices.IsSortedFunc(sorted, compareItems) {
		return arrange(append(sorted, more...))
	}
	if len(more) == 0 {
		return slices.CompactFunc(sorted, samePath)
	}
	slices.SortFunc(more, compareItems)
	out := make([]item, 0, len(sorted)+len(more))
	for _, m := range more {
		n, _ := slices.BinarySearchFunc(sorted, m, compareItems)
		out = append(append(out, sorted[:n]...), m)
		sorted = sorted[n:]
	}
	return slices.CompactFunc(append(out, sorted...), samePath)
}

func samePath(a, b item) bool { return a.path == b.path }

func compareItems(a, b item) int {
	if c := strings.Compare(a.path, b.path); c != 0 {
		return c
	}
	return cmp.Compare(rank(a), rank(b))
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
	omit, key := t.leftOut()
	l, err := t.listings.get(ctx, base+key, func(ctx context.Context) (*listing, error) {
		t.lookNow()
		return listGit(ctx, base, omit)
	})
	return l, inside, err
}

// lookNow notes the time before git looks at files, the first time.
func (t *Tree) lookNow() {
	now := time.Now()
	t.looked.CompareAndSwap(nil, &now)
}

// files lists a directory, given relative to the root. What is in directories
// for which prune says so may be left out.
func (t *Tree) files(ctx context.Context, dir string, prune func(dir string) bool) (found, error) {
	l, inside, err := t.listing(ctx, dir)
	if err != nil {
		return found{}, err
	}
	if l.git {
		items, prefix := l.below(inside)
		return found{items, prefix, inside == dir}, nil
	}
	omit, _ := t.leftOut()
	items, err := walk(t.at(dir), prune, omit)
	return found{items: items}, err
}

// OmitOutputs leaves paths, absolute or relative to the root, out of all source
// sets unless git tracks them: what is written there is made of the sources.
// It is called before the first set is asked for.
func (t *Tree) OmitOutputs(names []string) {
	var out omitted
	for _, name := range names {
		full := filepath.FromSlash(name)
		if !filepath.IsAbs(full) {
			full = filepath.Join(t.root, full)
		}
		if full, err := resolve(full); err == nil && !contains(full, t.root) {
			out = append(out, full)
		}
	}
	if len(out) > 0 {
		t.outputs.Store(&out)
	}
}

// leftOut is what is in no source set unless git tracks it, and a key that
// differs when there is more of it.
func (t *Tree) leftOut() (omitted, string) {
	outputs := t.outputs.Load()
	if outputs == nil {
		return t.omitted, ""
	}
	return slices.Concat(t.omitted, *outputs), "\x00with outputs"
}

// omitted are absolute paths that are left out unless git tracks them.
type omitted []string

// has reports whether an absolute path is left out.
func (o omitted) has(full string) bool {
	return slices.ContainsFunc(o, func(dir string) bool { return contains(dir, full) })
}

// walk lists everything below a directory but git's own and what is left out.
func walk(dir string, prune func(dir string) bool, omit omitted) ([]item, error) {
	w := &walker{dir: dir, prune: prune, omit: omit}
	if _, err := w.visit(""); err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return arrange(w.items), nil
}

type walker struct {
	dir   string
	prune func(dir string) bool
	omit  omitted
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
		case len(w.omit) > 0 && w.omit.has(filepath.Join(w.dir, filepath.FromSlash(name))):
			// Its parent may be there for it alone, and is not empty.
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
