package source

import (
	"path"
	"strings"

	"github.com/moby/patternmatcher"

	"github.com/stowage-build/stowage/schema"
)

// filter says which files of a directory are taken: those that match include,
// if it is set, and do not match exclude. Patterns are those of .dockerignore
// (https://docs.docker.com/build/concepts/context/#syntax). It is for use by
// one goroutine.
type filter struct {
	include, exclude *patternmatcher.PatternMatcher
}

// newFilter compiles patterns. Without include patterns all is included.
func newFilter(include, exclude []string) (filter, error) {
	var f filter
	var err error
	if len(include) > 0 {
		if f.include, err = patternmatcher.New(include); err != nil {
			return f, mistake("bad include pattern in %q: %v", include, err)
		}
	}
	if len(exclude) > 0 {
		if f.exclude, err = patternmatcher.New(exclude); err != nil {
			return f, mistake("bad exclude pattern in %q: %v", exclude, err)
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
	directory bool // an empty one
	differs   bool // not as in HEAD
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
	for _, i := range items {
		name := i.path[len(prefix):]
		if schema.IsConfigFile(path.Base(name)) && i.state != hollow {
			continue
		}
		if err := s.visit(name, i.state); err != nil {
			return err
		}
	}
	s.leave("")
	return nil
}

func (s *scan) visit(name string, st state) error {
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
			s.open[i].real = s.open[i].real || st != absent
			s.open[i].used = s.open[i].used || (kept && st != absent)
		}
	}
	switch {
	case !kept:
	case st == absent:
		s.lacking = true
	case st == closed:
		return mistake("the directory %s may not be read; change its permissions or leave it out with .dockerignore", name)
	default:
		s.taken = append(s.taken, taken{name, st == hollow, st == changed})
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
			return m, mistake("bad include pattern: %v", err)
		}
	}
	if s.filter.exclude != nil {
		if out, m.exclude, err = s.filter.exclude.MatchesUsingParentResults(name, parent.exclude); err != nil {
			return m, mistake("bad exclude pattern: %v", err)
		}
	}
	m.kept = in && !out
	return m, nil
}
