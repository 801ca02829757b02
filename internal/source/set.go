package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"unicode/utf8"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// readSet reads a source set.
func (t *Tree) readSet(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	dir, err := t.directory(spec.Context, spec.AllowOutside)
	if err != nil {
		return nil, err
	}
	ignore, err := t.readIgnore(dir, spec.Dockerfile)
	if err != nil {
		return nil, err
	}
	keep, err := newFilter(nil, ignore.patterns)
	if err != nil {
		return nil, mistake("%s: %v", path.Join(dir, ignore.name), err)
	}
	b := &builder{tree: t}
	if err := b.addDirectory(ctx, dir, "", keep); err != nil {
		return nil, err
	}
	for _, s := range spec.Extra {
		if err := b.addSource(ctx, s, spec.AllowOutside); err != nil {
			return nil, err
		}
	}
	if err := b.compareUnsent(ctx, dir, spec.Dockerfile, ignore.name); err != nil {
		return nil, err
	}
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	return b.finish()
}

// builder collects the entries of one source set.
type builder struct {
	tree    *Tree
	entries []entry
	dirty   bool
}

// entry is a path in the set.
type entry struct {
	planner.File
	rel  string // on disk, relative to the root
	gone bool   // it was listed, and is not there any more
}

// addDirectory adds the files below a root-relative directory at to.
func (b *builder) addDirectory(ctx context.Context, dir, to string, keep filter) error {
	items, prefix, err := b.tree.files(ctx, dir, keep.prunes)
	if err != nil {
		return err
	}
	s := scan{filter: keep}
	if err := s.run(items, prefix); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if s.lacking {
		b.dirty = true
	}
	b.entries = slices.Grow(b.entries, len(s.taken))
	for _, f := range s.taken {
		if f.differs {
			b.dirty = true
		}
		e := entry{File: planner.File{Path: join(to, f.path)}, rel: join(dir, f.path)}
		if f.directory {
			e.Type = planner.FileDirectory
		}
		b.entries = append(b.entries, e)
	}
	return nil
}

// join is path.Join for parts that are clean already.
func join(dir, name string) string {
	if dir == "" || dir == "." {
		return name
	}
	return dir + "/" + name
}

// addSource adds what a source block names: a directory's files below to, or
// one file as to. A file that is named counts even if git ignores it.
func (b *builder) addSource(ctx context.Context, s schema.Source, allowOutside bool) error {
	resolved, info, err := b.tree.resolve(s.Path, "source")
	if err != nil {
		return err
	}
	rel, err := b.tree.relative(resolved, s.Path, allowOutside)
	if err != nil {
		return err
	}
	to := path.Clean(s.To)
	if !info.IsDir() {
		if to == "." {
			to = path.Base(s.Path)
		}
		b.entries = append(b.entries, entry{File: planner.File{Path: to}, rel: rel})
		return b.compareWithHead(ctx, rel)
	}
	keep, err := newFilter(s.Include, s.Exclude)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Path, err)
	}
	return b.addDirectory(ctx, rel, to, keep)
}

// compareUnsent compares with HEAD what decides a build and is not in the set
// because .dockerignore says so: the Dockerfile, and the ignore file itself.
func (b *builder) compareUnsent(ctx context.Context, dir string, names ...string) error {
	for _, name := range names {
		sent := func(e entry) bool { return e.rel == join(dir, name) }
		if name == "" || slices.ContainsFunc(b.entries, sent) {
			continue
		}
		if err := b.compareWithHead(ctx, join(dir, path.Clean(name))); err != nil {
			return err
		}
	}
	return nil
}

// compareWithHead makes the set dirty if a file differs from HEAD.
func (b *builder) compareWithHead(ctx context.Context, rel string) error {
	l, dir, err := b.tree.listing(ctx, path.Dir(rel))
	if err == nil && l.differs(join(dir, path.Base(rel))) {
		b.dirty = true
	}
	return err
}

// chunk is how many files one goroutine reads at a time.
const chunk = 64

// read reads the files, large sets in parallel. Of several errors that of the
// first path is returned.
func (b *builder) read(ctx context.Context) error {
	slices.SortStableFunc(b.entries, func(x, y entry) int { return comparePaths(x.Path, y.Path) })
	if len(b.entries) <= chunk {
		return b.readEntries(ctx, b.entries)
	}
	var wait sync.WaitGroup
	errs := make([]error, 0, len(b.entries)/chunk+1)
	for part := range slices.Chunk(b.entries, chunk) {
		i := len(errs)
		errs = append(errs, nil)
		b.tree.readers <- struct{}{}
		wait.Go(func() {
			defer func() { <-b.tree.readers }()
			errs[i] = b.readEntries(ctx, part)
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) readEntries(ctx context.Context, entries []entry) error {
	for i := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.readEntry(&entries[i]); err != nil {
			return err
		}
	}
	return nil
}

// readEntry looks at one path on disk.
func (b *builder) readEntry(e *entry) error {
	if !utf8.ValidString(e.Path) {
		return mistake("the file name %q is not UTF-8, so it cannot be sent to the builder; rename it or leave it out with .dockerignore", e.rel)
	}
	e.Origin = b.tree.at(e.rel)
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
		if e.Digest, err = b.tree.cache.digest(e.Origin, info); err != nil {
			return fmt.Errorf("hash %s: %w", e.rel, err)
		}
	case mode&fs.ModeSymlink != 0:
		return b.readLink(e)
	default:
		return mistake("%s is neither a file, a directory nor a symlink (%s); remove it or leave it out with .dockerignore", e.rel, mode.Type())
	}
	return nil
}

func (b *builder) readLink(e *entry) error {
	link, err := os.Readlink(e.Origin)
	if err != nil {
		return fmt.Errorf("read %s: %w", e.rel, err)
	}
	if !utf8.ValidString(link) {
		return mistake("the symlink %s points to %q, which is not UTF-8, so it cannot be sent to the builder; change it or leave it out with .dockerignore", e.rel, link)
	}
	e.Type, e.Link = planner.FileSymlink, filepath.ToSlash(link)
	return nil
}
