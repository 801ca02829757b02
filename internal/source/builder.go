package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// builder collects the entries of one source set.
type builder struct {
	tree    *Tree
	entries map[string]*entry // by path in the context
}

// entry is a file before it is hashed.
type entry struct {
	planner.File
	info fs.FileInfo
	rel  string // relative to the root
	from string // what put it there, for conflicts
}

// addDirectory adds the files below a root-relative directory at to.
func (b *builder) addDirectory(dir, to string, keep filter) error {
	list, err := b.tree.files(dir)
	if err != nil {
		return err
	}
	for _, name := range list.files {
		if schema.IsConfigFile(path.Base(name)) {
			continue
		}
		if err := b.addFile(dir, name, to, keep); err != nil {
			return err
		}
	}
	for _, name := range list.empty {
		kept, err := keep.keeps(name)
		if err != nil {
			return err
		}
		if kept {
			b.put(&entry{
				File: planner.File{Path: path.Join(to, name), Type: planner.FileDirectory, Origin: b.tree.at(path.Join(dir, name))},
				rel:  path.Join(dir, name), from: dir,
			})
		}
	}
	return nil
}

// addFile adds one file of a directory, if it is on disk and kept.
func (b *builder) addFile(dir, name, to string, keep filter) error {
	kept, err := keep.keeps(name)
	if err != nil || !kept {
		return err
	}
	rel := path.Join(dir, name)
	info, err := os.Lstat(b.tree.at(rel))
	if errors.Is(err, fs.ErrNotExist) || isNotDirectory(err) {
		return nil // still in git's index, gone from disk
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", rel, err)
	}
	if info.IsDir() {
		return nil // a submodule that is not checked out, or a file replaced by a directory
	}
	return b.add(path.Join(to, name), rel, dir, info)
}

// add adds a file of any kind.
func (b *builder) add(target, rel, from string, info fs.FileInfo) error {
	e := &entry{File: planner.File{Path: target, Origin: b.tree.at(rel)}, info: info, rel: rel, from: from}
	if !utf8.ValidString(target) {
		return mistake("the file name %q is not UTF-8, so it cannot be sent to the builder; rename it or leave it out with .dockerignore", rel)
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.Type, e.Size = planner.FileRegular, info.Size()
		if mode&0o100 != 0 {
			e.Type = planner.FileExecutable
		}
	case mode&fs.ModeSymlink != 0:
		link, err := os.Readlink(e.Origin)
		if err != nil {
			return fmt.Errorf("read %s: %w", rel, err)
		}
		e.Type, e.Link = planner.FileSymlink, filepath.ToSlash(link)
	default:
		return mistake("%s is neither a file, a directory nor a symlink (%s); remove it or leave it out with .dockerignore", rel, mode.Type())
	}
	if other := b.entries[target]; other != nil && (other.rel != rel) {
		return mistake("%s and %s both go to %s in the context; give one of them another place with to, or exclude it", other.rel, rel, target)
	}
	b.put(e)
	return nil
}

func (b *builder) put(e *entry) { b.entries[e.Path] = e }

// addSource adds what a source block names: a directory's files below to, or
// one file as to.
func (b *builder) addSource(s schema.Source, allowOutside bool) error {
	resolved, err := filepath.EvalSymlinks(b.tree.at(s.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s for the source block: %w", s.Path, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("read source %s: %w", s.Path, err)
	}
	rel, err := b.tree.relative(resolved, s.Path, allowOutside)
	if err != nil {
		return err
	}
	info, err := os.Stat(resolved)
	if err != nil {
		return fmt.Errorf("read source %s: %w", s.Path, err)
	}
	if !info.IsDir() {
		to := s.To
		if to == "" || to == "." {
			to = path.Base(s.Path)
		}
		return b.add(to, rel, rel, info)
	}
	keep, err := newFilter(s.Include, s.Exclude)
	if err != nil {
		return err
	}
	to := s.To
	if to == "." {
		to = ""
	}
	return b.addDirectory(rel, to, keep)
}

// finish hashes the files and sorts them.
func (b *builder) finish(ctx context.Context) (*planner.SourceSet, error) {
	set := &planner.SourceSet{Files: make([]planner.File, 0, len(b.entries))}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2 * runtime.GOMAXPROCS(0))
	for _, e := range b.entries {
		if e.Type != planner.FileRegular && e.Type != planner.FileExecutable {
			continue
		}
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			e.Digest, err = b.tree.cache.digest(e.Origin, e.info)
			if err != nil {
				return fmt.Errorf("hash %s: %w", e.rel, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for _, e := range b.entries {
		if e.Type == planner.FileDirectory && b.hasChildren(e.Path) {
			continue // another source has filled it
		}
		set.Files = append(set.Files, e.File)
	}
	slices.SortFunc(set.Files, func(x, y planner.File) int { return comparePaths(x.Path, y.Path) })
	return set, b.checkParents(set.Files)
}

func (b *builder) hasChildren(dir string) bool {
	for p := range b.entries {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// checkParents refuses a file where another's directory must be.
func (b *builder) checkParents(files []planner.File) error {
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if other := b.entries[dir]; other != nil && other.Type != planner.FileDirectory {
				return mistake("%s goes to %s in the context, below %s, which is a file there", b.entries[f.Path].rel, f.Path, other.rel)
			}
		}
	}
	return nil
}

// comparePaths orders paths component by component, parents before children.
func comparePaths(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}

func isNotDirectory(err error) bool {
	var perr *fs.PathError
	return errors.As(err, &perr) && perr.Err.Error() == "not a directory"
}
