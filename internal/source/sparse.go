package source

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// sparse is a tree some of whose directories a sparse checkout leaves out
// (git-sparse-checkout(1)). What is left out altogether is as in HEAD: it is
// read from git's objects, and everything else from disk. Where only some of a
// directory's files are on disk, what counts is what is there. A partial clone
// does not have the objects: there is nothing then but what is on disk.
type sparse struct{ *Tree }

var _ origin = sparse{}

// origin is where the tree's source sets come from.
func (t *Tree) origin() origin {
	if t.sparse {
		return sparse{t}
	}
	return t
}

// hasSparseCheckout reports whether a work tree may be one of which not all is
// checked out. Git keeps what is in $GIT_DIR/info/sparse-checkout; .git is that
// directory or a file that names it (gitrepository-layout(5)).
func hasSparseCheckout(dir string) bool {
	top := workTree(dir)
	if top == "" {
		return false
	}
	gitDir := filepath.Join(top, ".git")
	if content, err := os.ReadFile(gitDir); err == nil {
		gitDir = strings.TrimSpace(strings.TrimPrefix(string(content), "gitdir:"))
		if !filepath.IsAbs(gitDir) {
			gitDir = filepath.Join(top, gitDir)
		}
	}
	_, err := os.Stat(filepath.Join(gitDir, "info", "sparse-checkout"))
	return err == nil
}

// leavesOut reports whether all that git tracks at or below a path is left out.
func (l *listing) leavesOut(name string) bool {
	if i, found := l.item(name); found {
		return i.sparse
	}
	below, _ := l.below(name)
	for _, i := range below {
		if !i.sparse {
			return false
		}
	}
	return len(below) > 0
}

// leavesOut reports whether a root-relative path is left out.
func (t *Tree) leavesOut(ctx context.Context, rel string) (bool, error) {
	rel = path.Clean(rel)
	if rel == "." || isOutside(rel) || path.IsAbs(rel) {
		return false, nil
	}
	l, _, err := t.listing(ctx, ".")
	return err == nil && l.git && l.leavesOut(rel), err
}

// atHead is the workspace at HEAD. Close ends it.
func (t *Tree) atHead(ctx context.Context) (*Revision, error) {
	return t.head.get(ctx, func(ctx context.Context) (*Revision, error) {
		return t.At(context.WithoutCancel(ctx), "HEAD")
	})
}

// of is where a path is read from.
func (s sparse) of(ctx context.Context, rel string) (origin, error) {
	out, err := s.leavesOut(ctx, rel)
	if err != nil || !out {
		return s.Tree, err
	}
	return s.atHead(ctx)
}

func (s sparse) locate(ctx context.Context, name, what string) (located, error) {
	from, err := s.of(ctx, name)
	if err != nil {
		return located{}, err
	}
	return from.locate(ctx, name, what)
}

func (s sparse) content(ctx context.Context, rel string) ([]byte, error) {
	from, err := s.of(ctx, rel)
	if err != nil {
		return nil, err
	}
	return from.content(ctx, rel)
}

func (s sparse) direct(ctx context.Context, rel string) (content []byte, known bool, err error) {
	from, err := s.of(ctx, rel)
	if err != nil {
		return nil, false, err
	}
	return from.direct(ctx, rel)
}

func (s sparse) files(ctx context.Context, dir string, prune func(dir string) bool) (found, error) {
	from, err := s.of(ctx, dir)
	if err != nil {
		return found{}, err
	}
	return from.files(ctx, dir, prune)
}

func (s sparse) indexed(ctx context.Context, rel string) (string, error) {
	from, err := s.of(ctx, rel)
	if err != nil {
		return "", err
	}
	return from.indexed(ctx, rel)
}

func (s sparse) differs(ctx context.Context, rel string) (bool, error) {
	from, err := s.of(ctx, rel)
	if err != nil {
		return false, err
	}
	return from.differs(ctx, rel)
}

// examine looks at runs of entries that come from one place.
func (s sparse) examine(ctx context.Context, entries []entry) error {
	for len(entries) > 0 {
		out, err := s.leavesOut(ctx, entries[0].rel)
		n := 1
		for ; err == nil && n < len(entries); n++ {
			var next bool
			if next, err = s.leavesOut(ctx, entries[n].rel); next != out {
				break
			}
		}
		if err != nil {
			return err
		}
		if err := s.examineRun(ctx, entries[:n], out); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}

func (s sparse) examineRun(ctx context.Context, entries []entry, out bool) error {
	if !out {
		return s.Tree.examine(ctx, entries)
	}
	head, err := s.atHead(ctx)
	if err != nil {
		return err
	}
	for i := range entries {
		entries[i].leftOut = true
	}
	return head.examine(ctx, entries)
}
