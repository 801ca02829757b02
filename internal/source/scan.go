package source

import (
	"fmt"
	"strings"
	"sync"

	"github.com/moby/patternmatcher"

	"github.com/stowage-build/stowage/schema"
)

// filter says which files of a directory are taken: those that match include,
// if it is set, and do not match exclude. Patterns are those of .dockerignore
// (https://docs.docker.com/build/concepts/context/#syntax). It is for use by
// one goroutine at a time.
type filter struct {
	include, exclude *patternmatcher.PatternMatcher
	key              string
}

// filters has compiled filters for when they are needed again: the packages of
// a workspace often have one .dockerignore many times. The zero value is ready
// for use.
type filters struct {
	mu   sync.Mutex
	free map[string][]filter // by key
}

// mostFilters is how many different filters are kept.
const mostFilters = 256

// take returns a filter that is to be released. Without include patterns all
// is included. Bad patterns are a *badPattern.
func (f *filters) take(include, exclude []string) (filter, error) {
	if len(include)+len(exclude) == 0 {
		return filter{}, nil
	}
	key := fmt.Sprintf("%q %q", include, exclude)
	f.mu.Lock()
	defer f.mu.Unlock()
	free := f.free[key]
	if len(free) == 0 {
		return newFilter(include, exclude, key)
	}
	f.free[key] = free[:len(free)-1]
	return free[len(free)-1], nil
}

func (f *filters) release(used filter) {
	if used.key == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.free == nil {
		f.free = map[string][]filter{}
	}
	if _, known := f.free[used.key]; !known && len(f.free) >= mostFilters {
		return
	}
	f.free[used.key] = append(f.free[used.key], used)
}

// badPattern is a pattern that has no meaning.
type badPattern struct {
	list     string
	patterns []string
	err      error
}

func (b *badPattern) Error() string {
	return fmt.Sprintf("bad %s pattern in %q: %v", b.list, b.patterns, b.err)
}

// newFilter compiles patterns.
func newFilter(include, exclude []string, key string) (filter, error) {
	f := filter{key: key}
	var err error
	if len(include) > 0 {
		if f.include, err = patternmatcher.New(include); err != nil {
			return filter{}, &badPattern{"include", include, err}
		}
	}
	if len(exclude) > 0 {
		if f.exclude, err = patternmatcher.New(exclude); err != nil {
			return filter{}, &badPattern{"exclude", exclude, err}
		}
	}
	return f, nil
}

// prunes reports whether nothing below a directory can be taken.
func (f filter) prunes(dir string) bool {
	if f.exclude == nil || f.exclude.Exclusions() {
		return false
	}
	out, err := f.exclude.MatchesOrParentMatches(dir)
	return err == nil && out
}

// scan takes the files of one listing that a filter keeps.
//
// BuildKit sends a directory that is not excluded even when all that is in it
// is, so it is then an empty directory (fsutil's filterFS.Walk). The same is
// done here, for directories that are there for a reason that a clone shares:
// some file in them belongs to the listing. Stowage's own files are as if they
// were not there.
type scan struct {
	filter filter
	open   []openDir // the directories that the last path is in
	taken  []taken
	// lacking says that a file that would be taken is not on disk.
	lacking bool
}

// taken is a path that the filter keeps.
type taken struct {
	path      string
	full      string // as the listing has it; not of a directory that is not in it
	object    string // as in item, of an unchanged file
	indexed   string // as in item
	directory bool   // an empty one
	differs   bool   // not as in HEAD
}

// openDir is a directory that is being scanned.
type openDir struct {
	path             string // ends in a slash
	include, exclude patternmatcher.MatchInfo
	kept             bool // the filter keeps the directory itself
	real             bool // something in it is on disk
	used             bool // something in it is taken
}

// run scans items, sorted, whose paths start with prefix.
func (s *scan) run(items []item, prefix string) error {
	for i := range items {
		at := &items[i]
		name := at.path[len(prefix):]
		if schema.IsConfigFile(name[strings.LastIndexByte(name, '/')+1:]) && at.state != hollow {
			continue
		}
		if err := s.visit(name, at); err != nil {
			return err
		}
	}
	s.leave("")
	return nil
}

func (s *scan) visit(name string, at *item) error {
	kept := true
	if s.filter.include != nil || s.filter.exclude != nil {
		s.leave(name)
		if err := s.enter(name); err != nil {
			return err
		}
		m, err := s.match(name)
		if err != nil {
			return err
		}
		kept = m.kept
		for i := range s.open {
			s.open[i].real = s.open[i].real || at.state != absent
			s.open[i].used = s.open[i].used || (kept && at.state != absent)
		}
	}
	switch {
	case !kept:
	case at.state == absent:
		s.lacking = true
	case at.state == closed:
		return mistake("the directory %s may not be read; change its permissions or leave it out with .dockerignore", name)
	default:
		s.taken = append(s.taken, taken{path: name, full: at.path, object: at.found(), indexed: at.indexed(), directory: at.state == hollow, differs: at.state == changed})
	}
	return nil
}

// leave closes the directories that name is not in.
func (s *scan) leave(name string) {
	for len(s.open) > 0 {
		last := s.open[len(s.open)-1]
		if name != "" && strings.HasPrefix(name, last.path) {
			return
		}
		s.open = s.open[:len(s.open)-1]
		if last.kept && last.real && !last.used {
			s.taken = append(s.taken, taken{path: strings.TrimSuffix(last.path, "/"), directory: true})
			for i := range s.open {
				s.open[i].used = true
			}
		}
	}
}

// enter opens the directories that name is in.
func (s *scan) enter(name string) error {
	start := 0
	if len(s.open) > 0 {
		start = len(s.open[len(s.open)-1].path)
	}
	for i := start; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		dir, err := s.match(name[:i])
		if err != nil {
			return err
		}
		dir.path = name[:i+1]
		s.open = append(s.open, dir)
	}
	return nil
}

// match applies the filter to a path in the directories that are open.
func (s *scan) match(name string) (openDir, error) {
	var parent, m openDir
	if len(s.open) > 0 {
		parent = s.open[len(s.open)-1]
	}
	in, out := true, false
	var err error
	if s.filter.include != nil {
		if in, m.include, err = s.filter.include.MatchesUsingParentResults(name, parent.include); err != nil {
			return m, &badPattern{"include", nil, err}
		}
	}
	if s.filter.exclude != nil {
		if out, m.exclude, err = s.filter.exclude.MatchesUsingParentResults(name, parent.exclude); err != nil {
			return m, &badPattern{"exclude", nil, err}
		}
	}
	m.kept = in && !out
	return m, nil
}
