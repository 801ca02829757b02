package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
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
func readIgnore(ctx context.Context, from origin, dir, dockerfile string) (ignoreFile, error) {
	names := []string{".dockerignore"}
	if dockerfile != "" {
		names = []string{path.Clean(dockerfile) + ".dockerignore", ".dockerignore"}
	}
	for _, name := range names {
		content, err := read(ctx, from, dir, name)
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

// readDockerfile is planner.Sources.Dockerfile.
func readDockerfile(ctx context.Context, from origin, dir, name string) ([]byte, error) {
	content, err := read(ctx, from, dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no Dockerfile %s: %w", path.Join(dir, name), fs.ErrNotExist)
	}
	return content, err
}

// read reads a file of a context. A symlink is followed inside the workspace,
// or anywhere in a context that is outside of it.
func read(ctx context.Context, from origin, dir, name string) ([]byte, error) {
	rel := path.Join(dir, name)
	if content, known, err := from.direct(ctx, rel); known {
		return content, err
	}
	at, err := from.locate(ctx, rel, "file")
	if err != nil {
		return nil, err
	}
	if err := confine(at, rel, isOutside(path.Clean(dir))); err != nil {
		return nil, err
	}
	if !at.mode.IsRegular() {
		return nil, mistake("%s is not a file", rel)
	}
	return from.content(ctx, at.rel)
}
