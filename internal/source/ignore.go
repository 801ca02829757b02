package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// filter says which files of a directory are taken. Patterns are those of
// .dockerignore (https://docs.docker.com/build/concepts/context/#syntax).
type filter struct {
	// include, when set, must match; exclude must not.
	include, exclude *patternmatcher.PatternMatcher
}

func newFilter(include, exclude []string) (filter, error) {
	var f filter
	var err error
	if len(include) > 0 {
		if f.include, err = patternmatcher.New(include); err != nil {
			return f, mistake("bad include pattern: %v", err)
		}
	}
	if len(exclude) > 0 {
		if f.exclude, err = patternmatcher.New(exclude); err != nil {
			return f, mistake("bad exclude pattern: %v", err)
		}
	}
	return f, nil
}

// keeps reports whether a file, by its path in the directory, is taken.
func (f filter) keeps(name string) (bool, error) {
	if f.include != nil {
		if in, err := f.include.MatchesOrParentMatches(name); err != nil || !in {
			return false, err
		}
	}
	if f.exclude == nil {
		return true, nil
	}
	out, err := f.exclude.MatchesOrParentMatches(name)
	return !out, err
}

// readIgnore reads the patterns of files that are not sent: of
// DOCKERFILE.dockerignore if there is one, else of .dockerignore.
func (t *Tree) readIgnore(dir, dockerfile string) (*patternmatcher.PatternMatcher, error) {
	names := []string{".dockerignore"}
	if dockerfile != "" {
		names = []string{dockerfile + ".dockerignore", ".dockerignore"}
	}
	for _, name := range names {
		rel := path.Join(dir, name)
		f, err := os.Open(t.at(rel))
		if errors.Is(err, fs.ErrNotExist) || isNotDirectory(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", rel, err)
		}
		patterns, err := ignorefile.ReadAll(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", rel, err)
		}
		matcher, err := patternmatcher.New(patterns)
		if err != nil {
			return nil, mistake("%s: %v", rel, err)
		}
		return matcher, nil
	}
	return nil, nil
}
