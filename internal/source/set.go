package source

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sync"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// assembly is how a source set is put together.
type assembly struct {
	origin
	*shared
	git bool // the files are in git
}

// shared is what source sets are put together with, whatever their origin.
type shared struct {
	readers chan struct{} // bounds the goroutines that read files
	filters filters
	scraps  sync.Pool // of *scraps
}

func newShared() *shared {
	return &shared{readers: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
}

// scraps are lists that are of no use when a set is finished.
type scraps struct {
	entries       []entry
	taken         []taken
	kept, parents []*entry
}

// mostScraps is how many entries are worth keeping space for.
const mostScraps = 4096

// builder starts a set. What it returns is to be recycled.
func (a assembly) builder() *builder {
	s, ok := a.scraps.Get().(*scraps)
	if !ok {
		s = &scraps{}
	}
	return &builder{assembly: a, scraps: s}
}

// recycle gives up the builder's lists.
func (b *builder) recycle() {
	if cap(b.entries) > mostScraps {
		return
	}
	clear(b.entries)
	clear(b.taken)
	clear(b.kept)
	clear(b.parents[:cap(b.parents)])
	*b.scraps = scraps{b.entries[:0], b.taken[:0], b.kept[:0], b.parents[:0]}
	b.assembly.scraps.Put(b.scraps)
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
	b := a.builder()
	defer b.recycle()
	if err := b.addDirectory(ctx, dir, "", nil, ignore.patterns); err != nil {
		var bad *badPattern
		if errors.As(err, &bad) {
			return nil, mistake("%s: %v", join(dir, ignore.name), err)
		}
		return nil, err
	}
	for i, s := range spec.Extra {
		before := len(b.entries)
		if err := b.addSource(ctx, s, spec.AllowOutside); err != nil {
			return nil, err
		}
		if len(b.entries) == before {
			b.empty = append(b.empty, i)
		}
	}
	b.noteUnsent(dir, spec.Dockerfile, ignore.name)
	if err := b.read(ctx); err != nil {
		return nil, err
	}
	for _, rel := range b.compare {
		if err := b.compareWithHead(ctx, rel); err != nil {
			return nil, err
		}
	}
	return b.finish()
}

// builder collects the entries of one source set.
type builder struct {
	assembly
	*scraps
	compare []string // more files that make the set dirty if they differ
	dirty   bool
	empty   []int // of the source blocks, those that add nothing
}

// entry is a path in the set.
type entry struct {
	planner.File
	rel string // on disk, relative to the root
	// object is "MODE ID" of what git has, if it found the file as in HEAD.
	object string
	// indexed is the mode that git's index has for it: see item.
	indexed string
	gone    bool // it was listed, and is not there any more
	late    bool // it has changed since git looked
	// leftOut says that it is not on disk, by a sparse checkout.
	leftOut bool
}

// addDirectory adds the files below a root-relative directory at to.
func (b *builder) addDirectory(ctx context.Context, dir, to string, include, exclude []string) error {
	keep, err := b.filters.take(include, exclude)
	if err != nil {
		return err
	}
	defer b.filters.release(keep)
	f, err := b.files(ctx, dir, keep.prunes)
	if err != nil {
		return err
	}
	s := scan{filter: keep, taken: b.taken[:0]}
	err = s.run(f.items, f.prefix)
	b.taken = s.taken
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	b.dirty = b.dirty || s.lacking
	b.entries = slices.Grow(b.entries, len(s.taken))
	for i := range s.taken {
		t := &s.taken[i]
		b.dirty = b.dirty || t.differs
		e := entry{File: planner.File{Path: join(to, t.path)}, rel: t.full, object: t.object, indexed: t.indexed}
		if !f.rooted {
			e.rel = join(dir, t.path)
		}
		if t.directory {
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
		indexed, err := b.indexed(ctx, at.rel)
		if err != nil {
			return err
		}
		b.entries = append(b.entries, entry{File: planner.File{Path: to}, rel: at.rel, indexed: indexed})
		b.compare = append(b.compare, at.rel)
		return nil
	}
	err = b.addDirectory(ctx, at.rel, to, s.Include, s.Exclude)
	var bad *badPattern
	if errors.As(err, &bad) {
		return mistake("source %s: %v", s.Path, err)
	}
	return err
}

// noteUnsent has compared with HEAD what decides a build and is not in the set
// because .dockerignore says so: the Dockerfile, and the ignore file itself.
func (b *builder) noteUnsent(dir string, names ...string) {
	for _, name := range names {
		if name == "" {
			continue
		}
		rel := join(dir, path.Clean(name))
		if !slices.ContainsFunc(b.entries, func(e entry) bool { return e.rel == rel }) {
			b.compare = append(b.compare, rel)
		}
	}
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
	order := func(x, y entry) int { return comparePaths(x.Path, y.Path) }
	if !slices.IsSortedFunc(b.entries, order) {
		slices.SortStableFunc(b.entries, order)
	}
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
