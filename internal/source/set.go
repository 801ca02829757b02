package source

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// assembly is how a source set is put together.
type assembly struct {
	origin
	readers chan struct{} // bounds the goroutines that read files
	git     bool          // the files are in git
}

// set puts a source set together.
func (a assembly) set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	dir, err := directory(ctx, a, spec.Context, spec.AllowOutside)
	if err != nil {
		return nil, err
	}
	ignore, err := readIgnore(ctx, a, dir, spec.Dockerfile)
	if err != nil {
		return nil, err
	}
	keep, err := newFilter(nil, ignore.patterns)
	if err != nil {
		return nil, mistake("%s: %v", join(dir, ignore.name), err)
	}
	b := &builder{assembly: a}
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
	assembly
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
	items, prefix, err := b.files(ctx, dir, keep.prunes)
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
	at, err := b.locate(ctx, s.Path, "source")
	if err != nil {
		return err
	}
	if err := confine(at, s.Path, allowOutside); err != nil {
		return err
	}
	to := path.Clean(s.To)
	if !at.mode.IsDir() {
		if to == "." {
			to = path.Base(s.Path)
		}
		b.entries = append(b.entries, entry{File: planner.File{Path: to}, rel: at.rel})
		return b.compareWithHead(ctx, at.rel)
	}
	keep, err := newFilter(s.Include, s.Exclude)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Path, err)
	}
	return b.addDirectory(ctx, at.rel, to, keep)
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
	differs, err := b.differs(ctx, rel)
	b.dirty = b.dirty || differs
	return err
}

// chunk is how many files one goroutine reads at a time.
const chunk = 64

// read reads the files, large sets in parallel. Of several errors that of the
// first path is returned.
func (b *builder) read(ctx context.Context) error {
	slices.SortStableFunc(b.entries, func(x, y entry) int { return comparePaths(x.Path, y.Path) })
	if len(b.entries) <= chunk {
		return b.examine(ctx, b.entries)
	}
	var wait sync.WaitGroup
	parts := slices.Collect(slices.Chunk(b.entries, chunk))
	errs := make([]error, len(parts))
	for i, part := range parts {
		b.readers <- struct{}{}
		wait.Go(func() {
			defer func() { <-b.readers }()
			errs[i] = b.examine(ctx, part)
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
