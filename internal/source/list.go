package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// files are what is below a directory, by path relative to it, sorted.
type files struct {
	files []string
	// empty are directories that have nothing in them at all.
	empty []string
}

// files lists a root-relative directory: by git inside a work tree, else by
// walking it.
func (t *Tree) files(dir string) (files, error) {
	if t.git == nil || isOutside(dir) {
		return walk(t.at(dir))
	}
	t.listOnce.Do(func() { t.list, t.listErr = t.git.listing() })
	if t.listErr != nil {
		return files{}, t.listErr
	}
	return files{files: below(t.list.files, dir), empty: below(t.list.empty, dir)}, nil
}

// below returns those of sorted paths that are below dir, relative to it.
func below(paths []string, dir string) []string {
	if dir == "." {
		return paths
	}
	prefix := dir + "/"
	start, _ := slices.BinarySearch(paths, prefix)
	var out []string
	for _, p := range paths[start:] {
		if !strings.HasPrefix(p, prefix) {
			break
		}
		out = append(out, p[len(prefix):])
	}
	return out
}

// walk lists everything below a directory but git's own.
func walk(dir string) (files, error) {
	var out files
	var visit func(rel string) (found bool, err error)
	visit = func(rel string) (bool, error) {
		entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			return false, fmt.Errorf("list files: %w", err)
		}
		for _, e := range entries {
			name := path.Join(rel, e.Name())
			if e.Name() == ".git" {
				continue
			}
			if !e.IsDir() {
				out.files = append(out.files, name)
				continue
			}
			found, err := visit(name)
			if err != nil {
				return false, err
			}
			if !found {
				out.empty = append(out.empty, name)
			}
		}
		return len(entries) > 0, nil
	}
	if _, err := visit(""); err != nil {
		return out, err
	}
	slices.Sort(out.files)
	slices.Sort(out.empty)
	return out, nil
}

// isEmpty reports whether a directory has nothing in it.
func isEmpty(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && len(entries) == 0, err
}

// dirty reports whether the set differs from HEAD: one of its files has
// changed or is not tracked, or one that would be in it has gone.
func (t *Tree) dirty(dir string, b *builder, ignore *patternmatcher.PatternMatcher) (bool, error) {
	if t.git == nil {
		return false, nil
	}
	status, err := t.git.status()
	if err != nil {
		return false, err
	}
	if len(status.changed) == 0 {
		return false, nil
	}
	for _, e := range b.entries {
		if status.changed[e.rel] {
			return true, nil
		}
	}
	for gone := range status.removed {
		name, ok := strings.CutPrefix(gone, dir+"/")
		if dir == "." {
			name, ok = gone, true
		}
		if !ok {
			continue
		}
		if kept, err := (filter{exclude: ignore}).keeps(name); err != nil || kept {
			return kept, err
		}
	}
	return false, nil
}
