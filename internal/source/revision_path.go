package source

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many symlinks one path may lead over, as for
// filepath.EvalSymlinks.
const maxLinks = 255

// route is a way through a commit.
type route struct {
	// base is where it starts, a directory of the repository, and todo what is
	// left of it.
	base, todo string
	// last says that a symlink at the very end is followed too.
	last bool
	// confined says that it may not leave base, nor have absolute symlinks.
	confined bool
}

// end is where a route leads: to a node, or to a path on disk that is outside
// of the repository.
type end struct {
	node    *node
	outside string
}

// errEscapes is what os.Root says.
var errEscapes = errors.New("path escapes from parent")

// follow goes a route. Symlinks are taken as the kernel takes them.
func (r *Revision) follow(ctx context.Context, way route) (end, error) {
	at, err := r.node(ctx, way.base)
	if err != nil {
		return end{}, err
	}
	todo := parts(way.todo)
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch {
		case at.lack != nil:
			return end{}, at.lack
		case !at.mode.IsDir():
			return end{}, syscall.ENOTDIR
		case part == ".":
			continue
		case part == ".." && at.path == way.base:
			return r.leave(way, filepath.Join(append([]string{r.top, ".."}, todo...)...))
		case part == "..":
			if at, err = r.node(ctx, parent(at.path)); err != nil {
				return end{}, err
			}
			continue
		}
		next, err := r.node(ctx, join(at.path, part))
		if err != nil {
			return end{}, err
		}
		if next.mode&fs.ModeSymlink == 0 || len(todo) == 0 && !way.last {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return end{}, syscall.ELOOP
		}
		target, err := r.stored(ctx, next)
		if err != nil {
			return end{}, err
		}
		link := string(target)
		if filepath.IsAbs(link) {
			below, inside := r.below(link)
			if !inside || way.confined {
				return r.leave(way, filepath.Join(append([]string{link}, todo...)...))
			}
			if at, err = r.node(ctx, ""); err != nil {
				return end{}, err
			}
			link = below
		}
		todo = slices.Concat(parts(link), todo)
	}
	return end{node: at}, nil
}

// leave ends a route at a path on disk.
func (r *Revision) leave(way route, full string) (end, error) {
	if way.confined {
		return end{}, errEscapes
	}
	return end{outside: full}, nil
}

// below makes a path on disk relative to the top of the repository.
func (r *Revision) below(full string) (string, bool) {
	rel, err := filepath.Rel(r.top, full)
	rel = filepath.ToSlash(rel)
	return rel, err == nil && !isOutside(rel)
}

// parent is the directory that a path is in, "" at the top.
func parent(name string) string {
	return name[:max(0, strings.LastIndexByte(name, '/'))]
}

// parts are the elements of a path, without empty ones.
func parts(name string) []string {
	return strings.FieldsFunc(name, func(c rune) bool { return c == '/' })
}
