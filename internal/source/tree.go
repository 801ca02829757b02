package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// Options are how a tree is read.
type Options struct {
	// CachePath is the file that digests are remembered in; "" is none.
	CachePath string
	// Omit are files and directories that are in no source set unless git
	// tracks them, whether they are there or not: what the program that reads
	// the tree itself writes into it. A directory that the whole tree is in is
	// none of them.
	Omit []string
}

// Tree is a workspace's directory. It implements planner.Sources and
// schema.Git and is safe for concurrent use. Everything is read once: what
// changes afterwards is not seen.
type Tree struct {
	root  string
	git   *repository // nil outside git
	cache *cache
	*shared
	omitted omitted
	outputs atomic.Pointer[omitted]
	folders folders
	ahead   ahead
	looked  atomic.Pointer[time.Time] // when git was first asked, nil before
	sparse  bool                      // not all may be checked out
	head    lazy[*Revision]           // for what is not

	listings memo[*listing]           // by absolute directory
	sets     memo[*planner.SourceSet] // by specification
	answers  memo[string]             // of git, by question
	doubted  memo[doubts]             // by absolute directory
	revision lazy[string]
	blobs    blobs // of revisions
}

var _ planner.Sources = (*Tree)(nil)

// New returns the tree with the root, an existing directory.
func New(root string, opts Options) (*Tree, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open source tree: %w", err)
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, fmt.Errorf("open source tree: %w", err)
	}
	git, err := findRepository(root)
	if err != nil {
		return nil, fmt.Errorf("open source tree: %w", err)
	}
	t := &Tree{root: root, git: git, cache: &cache{path: opts.CachePath, root: root, now: time.Now, remote: isRemote}, shared: newShared()}
	t.sparse = hasSparseCheckout(root) && !git.partial(context.Background())
	for _, name := range opts.Omit {
		full, err := resolve(name)
		if err != nil {
			return nil, fmt.Errorf("open source tree: %w", err)
		}
		if !contains(full, root) {
			t.omitted = append(t.omitted, full)
		}
	}
	return t, nil
}

// resolve follows the symlinks of a path, as far as it is there.
func resolve(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(full)
	if errors.Is(err, fs.ErrNotExist) && full != filepath.Dir(full) {
		parent, err := resolve(filepath.Dir(full))
		return filepath.Join(parent, filepath.Base(full)), err
	}
	return resolved, err
}

// Save remembers the digests of the files that were read.
func (t *Tree) Save() error { return t.cache.save() }

// Mistake is a path that the configuration gets wrong.
type Mistake struct{ text string }

func (m *Mistake) Error() string { return m.text }

// ConfigurationMistake says that the configuration is to be mended, not the
// machine.
func (m *Mistake) ConfigurationMistake() bool { return true }

func mistake(format string, args ...any) error { return &Mistake{fmt.Sprintf(format, args...)} }

// Dockerfile returns the bytes of the Dockerfile at contextDir/name. A symlink
// is followed inside the workspace, or anywhere in a context that is outside
// of it.
func (t *Tree) Dockerfile(ctx context.Context, contextDir, name string) ([]byte, error) {
	return readDockerfile(ctx, t.origin(), contextDir, name)
}

// Set returns the files of a context: see planner.Sources. Equal
// specifications give the same set, which is not to be changed.
//
// The files are those that git tracks and those that it neither tracks nor
// ignores, of submodules and nested repositories too; outside git, and where
// git ignores the whole workspace, all but .git. Of them those that are on
// disk and that .dockerignore does not exclude, without Stowage's own, and
// what the source blocks add.
//
// A directory counts when it is not excluded and all that is in it is, because
// BuildKit sends it too. One that has nothing in it at all counts outside git
// only: a clone does not have it, and the same commit must give the same set.
//
// The set is dirty when one of its files, the Dockerfile or its ignore file is
// not as in HEAD, or when HEAD has a file for it that is not on disk: removed,
// one of several left out by a sparse checkout, or in a submodule that is not
// checked out. A directory that is left out altogether is as in HEAD.
func (t *Tree) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	return t.sets.get(ctx, specKey(spec), func(ctx context.Context) (*planner.SourceSet, error) {
		return assembly{t.origin(), t.shared, t.git != nil}.set(ctx, spec)
	})
}

// specKey is a text that is the same for equal specifications only.
func specKey(spec planner.SourceSpec) string {
	var key strings.Builder
	fmt.Fprintf(&key, "%q %q %t", spec.Context, spec.Dockerfile, spec.AllowOutside)
	for _, s := range spec.Extra {
		fmt.Fprintf(&key, " %q %q %q %q", s.Path, s.To, s.Include, s.Exclude)
	}
	return key.String()
}

// locate follows the symlinks of a path on disk, and at its end what git has
// as one.
func (t *Tree) locate(ctx context.Context, name, what string) (located, error) {
	at := name
	for range maxLinks {
		found, err := t.locateLinks(at, name, what)
		if err != nil || !found.mode.IsRegular() {
			return found, err
		}
		target, is, err := t.standsIn(ctx, found.rel)
		switch {
		case err != nil:
			return located{}, fmt.Errorf("read %s %s: %w", what, name, err)
		case !is:
			return found, nil
		case filepath.IsAbs(target):
			return t.locateOnDisk(target, name, what)
		}
		at = path.Join(parent(found.rel), target)
	}
	return located{}, fmt.Errorf("read %s %s: %w", what, name, syscall.ELOOP)
}

// locateLinks follows the symlinks of a path on disk, which is called name.
// Mostly there are none: then one look is enough, at what is at its end.
func (t *Tree) locateLinks(at, name, what string) (located, error) {
	rel := path.Clean(at)
	if filepath.IsLocal(rel) && t.folders.real(t, parent(rel)) {
		var st syscall.Stat_t
		err := lstat(t.at(rel), &st)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return located{}, &missing{what, name}
		case err == nil && kind(&st) == syscall.S_IFDIR:
			t.folders.note(rel, true)
			return located{rel, fs.ModeDir}, nil
		case err == nil && kind(&st) == syscall.S_IFREG:
			return located{rel, 0}, nil
		}
	}
	return t.locateOnDisk(t.at(at), name, what)
}

// locateOnDisk follows the symlinks of an absolute path.
func (t *Tree) locateOnDisk(full, name, what string) (located, error) {
	_, err := os.Lstat(full) // mostly there is none, and this says so at once
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return located{}, &missing{what, name}
	}
	if err != nil {
		return located{}, fmt.Errorf("read %s %s: %w", what, name, err)
	}
	info, err := os.Stat(full)
	if err != nil {
		return located{}, fmt.Errorf("read %s %s: %w", what, name, err)
	}
	rel, err := filepath.Rel(t.root, full)
	if err != nil {
		return located{}, fmt.Errorf("read %s %s: %w", what, name, err)
	}
	return located{filepath.ToSlash(rel), info.Mode().Type()}, nil
}

// direct opens a file at once, without looking at it first.
func (t *Tree) direct(_ context.Context, rel string) (content []byte, known bool, err error) {
	if !filepath.IsLocal(rel) || !t.folders.real(t, parent(rel)) {
		return nil, false, nil
	}
	content, regular, err := readFile(t.at(rel))
	switch {
	case err == nil && t.git != nil && mayStandIn(content):
		return nil, false, nil
	case err == nil:
		return content, regular, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, &missing{"file", rel}
	}
	return nil, false, nil
}

// content reads a file on disk.
func (t *Tree) content(_ context.Context, rel string) ([]byte, error) {
	content, err := os.ReadFile(t.at(rel))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rel, err)
	}
	return content, nil
}

// Uncommitted returns those of the root-relative paths whose files are not as in
// HEAD; none outside of git.
func (t *Tree) Uncommitted(ctx context.Context, paths []string) ([]string, error) {
	var out []string
	for _, rel := range paths {
		if path.IsAbs(rel) || !fs.ValidPath(rel) {
			continue
		}
		differs, err := t.origin().differs(ctx, rel)
		if err != nil {
			return nil, err
		}
		if differs {
			out = append(out, rel)
		}
	}
	return out, nil
}

// differs compares with HEAD as git does.
func (t *Tree) differs(ctx context.Context, rel string) (bool, error) {
	i, inGit, err := t.item(ctx, rel)
	if err != nil || !inGit {
		return false, err
	}
	if i.found() == "" {
		return true, nil // it may be one that git ignores
	}
	var st syscall.Stat_t
	e := entry{File: planner.File{Origin: t.at(rel)}, object: i.object}
	if lstat(e.Origin, &st) != nil {
		return true, nil
	}
	r := reader{Tree: t}
	if err := r.checkLate(ctx, &e, &st); err != nil {
		return false, err
	}
	err = r.settle(ctx)
	return e.late, err
}

// item is what git's listing has at a path, the zero item when that is
// nothing. It is false outside git.
func (t *Tree) item(ctx context.Context, rel string) (i item, inGit bool, err error) {
	l, dir, err := t.listing(ctx, path.Dir(rel))
	if err != nil || !l.git {
		return item{}, false, err
	}
	i, _ = l.item(join(dir, path.Base(rel)))
	return i, true, nil
}

// indexed is the mode that git's index has for a file.
func (t *Tree) indexed(ctx context.Context, rel string) (string, error) {
	i, _, err := t.item(ctx, rel)
	return i.indexed(), err
}

func isOutside(rel string) bool { return rel == ".." || strings.HasPrefix(rel, "../") }

// at is the path on disk of a root-relative one.
func (t *Tree) at(rel string) string { return filepath.Join(t.root, filepath.FromSlash(rel)) }
