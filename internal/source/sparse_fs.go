package source

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// FS is the workspace's files for its configuration: disk, which is rooted at
// the workspace root, and what a sparse checkout leaves out as it is in HEAD.
func (t *Tree) FS(ctx context.Context, disk fs.FS) fs.FS {
	if !t.sparse {
		return disk
	}
	return sparseFS{t, context.WithoutCancel(ctx), disk}
}

type sparseFS struct {
	tree *Tree
	ctx  context.Context
	disk fs.FS
}

var (
	_ fs.ReadDirFS  = sparseFS{}
	_ fs.ReadFileFS = sparseFS{}
	_ fs.StatFS     = sparseFS{}
	_ fs.ReadLinkFS = sparseFS{}
)

// of is the file system to find a name in. That git has no answer is said by
// whoever needs the files themselves.
func (f sparseFS) of(name string) fs.FS {
	if out, err := f.tree.leavesOut(f.ctx, name); err != nil || !out {
		return f.disk
	}
	head, err := f.tree.atHead(f.ctx)
	if err != nil {
		return f.disk
	}
	return head.FS()
}

func (f sparseFS) Open(name string) (fs.File, error)      { return f.of(name).Open(name) }
func (f sparseFS) ReadFile(name string) ([]byte, error)   { return fs.ReadFile(f.of(name), name) }
func (f sparseFS) Stat(name string) (fs.FileInfo, error)  { return fs.Stat(f.of(name), name) }
func (f sparseFS) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(f.of(name), name) }
func (f sparseFS) ReadLink(name string) (string, error)   { return fs.ReadLink(f.of(name), name) }

// ReadDir lists a directory on disk with what is left out of it.
func (f sparseFS) ReadDir(name string) ([]fs.DirEntry, error) {
	from := f.of(name)
	entries, err := fs.ReadDir(from, name)
	if from != f.disk || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return entries, err
	}
	head, headErr := f.tree.atHead(f.ctx)
	if headErr != nil {
		return entries, err
	}
	more, headErr := fs.ReadDir(head.FS(), name)
	if headErr != nil {
		return entries, err
	}
	for _, e := range more {
		out, listErr := f.tree.leavesOut(f.ctx, path.Join(name, e.Name()))
		if listErr != nil || !out {
			continue
		}
		same := func(have fs.DirEntry) bool { return have.Name() == e.Name() }
		entries = append(slices.DeleteFunc(entries, same), e)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}
