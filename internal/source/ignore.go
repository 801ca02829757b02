package source

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/moby/patternmatcher/ignorefile"
)

// ignoreFile is what a context says is not to be sent.
type ignoreFile struct {
	name     string // relative to the context, "" when there is none
	patterns []string
}

// readIgnore reads DOCKERFILE.dockerignore if there is one, else
// .dockerignore. A symlink is followed inside the workspace.
func (t *Tree) readIgnore(dir, dockerfile string) (ignoreFile, error) {
	names := []string{".dockerignore"}
	if dockerfile != "" {
		names = []string{path.Clean(dockerfile) + ".dockerignore", ".dockerignore"}
	}
	for _, name := range names {
		content, err := t.read(dir, name)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return ignoreFile{}, err
		}
		patterns, err := ignorefile.ReadAll(bytes.NewReader(content))
		if err != nil {
			return ignoreFile{}, fmt.Errorf("read %s: %w", path.Join(dir, name), err)
		}
		return ignoreFile{name, patterns}, nil
	}
	return ignoreFile{}, nil
}

// read reads a file of a context. A symlink is followed inside the workspace,
// or anywhere in a context that is outside of it.
func (t *Tree) read(dir, name string) ([]byte, error) {
	rel := path.Join(dir, name)
	if _, err := os.Lstat(t.at(rel)); err != nil {
		return nil, fmt.Errorf("read %s: %w", rel, err) // mostly: there is none
	}
	full, err := filepath.EvalSymlinks(t.at(rel))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rel, err)
	}
	if _, err := t.relative(full, rel, isOutside(path.Clean(dir))); err != nil {
		return nil, err
	}
	info, err := os.Stat(full)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rel, err)
	}
	if !info.Mode().IsRegular() {
		return nil, mistake("%s is not a file", rel)
	}
	content, err := os.ReadFile(full)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", rel, err)
	}
	return content, nil
}
