package source

import (
	"context"
	"fmt"
	"io/fs"
)

// origin is where the files of source sets come from: the disk (Tree), or a
// commit (Revision). Paths are slash-separated and relative to the workspace
// root; those that start with ".." are outside of it.
type origin interface {
	// locate follows the symlinks of a path that the configuration calls what.
	locate(ctx context.Context, name, what string) (located, error)
	// content reads a file that locate found.
	content(ctx context.Context, rel string) ([]byte, error)
	// direct reads a regular file that no symlink leads to. It is false when it
	// cannot say: then locate can.
	direct(ctx context.Context, rel string) (content []byte, known bool, err error)
	// files lists a directory that locate found. What is in directories for
	// which prune says so may be left out.
	files(ctx context.Context, dir string, prune func(dir string) bool) (found, error)
	// differs reports whether a file is not as in HEAD.
	differs(ctx context.Context, rel string) (bool, error)
	// indexed is the mode that git's index has for a file: see item.
	indexed(ctx context.Context, rel string) (string, error)
	// examine finds out what each of a few entries is. Of several errors it
	// returns that of the first.
	examine(ctx context.Context, entries []entry) error
}

var _ origin = (*Tree)(nil)

// located is what a path leads to.
type located struct {
	rel  string
	mode fs.FileMode // the type
}

// missing says that the configuration names what is not there.
type missing struct{ what, name string }

func (m *missing) Error() string {
	return fmt.Sprintf("there is no %s %s: %v", m.what, m.name, fs.ErrNotExist)
}

func (m *missing) Unwrap() error { return fs.ErrNotExist }

// directory resolves a directory of the configuration.
func directory(ctx context.Context, from origin, name string, allowOutside bool) (string, error) {
	at, err := from.locate(ctx, name, "directory")
	if err != nil {
		return "", err
	}
	if !at.mode.IsDir() {
		return "", mistake("%s is not a directory", name)
	}
	return at.rel, confine(at, name, allowOutside)
}

// confine refuses what is outside of the workspace.
func confine(at located, name string, allowOutside bool) error {
	if isOutside(at.rel) && !allowOutside {
		return mistake("%s is outside the workspace; set allow_outside = true if that is meant", name)
	}
	return nil
}
