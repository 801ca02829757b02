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
	"sync"

	"github.com/stowage-build/stowage/planner"
)

// Options are how a tree is read.
type Options struct {
	// CachePath is the file that digests are remembered in; "" is none.
	CachePath string
}

// Tree is a workspace's directory. It implements planner.Sources and
// schema.Git and is safe for concurrent use. Files are listed once: what
// changes afterwards is not seen.
type Tree struct {
	root  string
	git   *repository // nil outside git
	cache *cache

	listOnce sync.Once
	list     *listing
	listErr  error
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
	return &Tree{root: root, git: git, cache: openCache(opts.CachePath)}, nil
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
// is followed inside the workspace, or inside a context that is outside of it.
func (t *Tree) Dockerfile(_ context.Context, contextDir, name string) ([]byte, error) {
	rel := path.Join(contextDir, name)
	resolved, err := filepath.EvalSymlinks(t.at(rel))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no Dockerfile %s: %w", rel, fs.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile %s: %w", rel, err)
	}
	if _, err := t.relative(resolved, rel, isOutside(path.Clean(contextDir))); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(resolved)
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile: %w", err)
	}
	return content, nil
}

// Set returns the files of a context. See planner.Sources.
func (t *Tree) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	dir, err := t.directory(spec.Context, spec.AllowOutside)
	if err != nil {
		return nil, err
	}
	ignore, err := t.readIgnore(dir, spec.Dockerfile)
	if err != nil {
		return nil, err
	}
	b := &builder{tree: t, entries: map[string]*entry{}}
	if err := b.addDirectory(dir, "", filter{exclude: ignore}); err != nil {
		return nil, err
	}
	for _, s := range spec.Extra {
		if err := b.addSource(s, spec.AllowOutside); err != nil {
			return nil, err
		}
	}
	set, err := b.finish(ctx)
	if err != nil {
		return nil, err
	}
	if set.Dirty, err = t.dirty(dir, b, ignore); err != nil {
		return nil, err
	}
	return set, nil
}

// directory resolves a directory of the configuration to a slash-separated
// path relative to the root, symlinks followed.
func (t *Tree) directory(name string, allowOutside bool) (string, error) {
	full := filepath.Join(t.root, filepath.FromSlash(name))
	resolved, err := filepath.EvalSymlinks(full)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no directory %s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return "", fmt.Errorf("read directory %s: %w", name, err)
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return "", fmt.Errorf("read directory %s: %w", name, err)
	}
	if !info.IsDir() {
		return "", mistake("%s is not a directory", name)
	}
	return t.relative(resolved, name, allowOutside)
}

// relative makes a resolved path relative to the root, and refuses one that
// is outside of it.
func (t *Tree) relative(resolved, name string, allowOutside bool) (string, error) {
	rel, err := filepath.Rel(t.root, resolved)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	rel = filepath.ToSlash(rel)
	if isOutside(rel) && !allowOutside {
		return "", mistake("%s is outside the workspace; set allow_outside = true if that is meant", name)
	}
	return rel, nil
}

func isOutside(rel string) bool { return rel == ".." || strings.HasPrefix(rel, "../") }

// at is the path on disk of a root-relative one.
func (t *Tree) at(rel string) string { return filepath.Join(t.root, filepath.FromSlash(rel)) }
