package source

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"syscall"
	"time"
)

// FS is the workspace's files at the commit, rooted at the workspace root. It
// has ReadDir, ReadFile, Stat, Lstat and ReadLink, and follows symlinks as
// os.Root does: not out of the workspace. A submodule that is not checked out
// is an empty directory where it is one in the work tree, and an error to look
// into elsewhere. Times are zero. It must not be used after Close.
func (r *Revision) FS() fs.FS { return revisionFS{r} }

type revisionFS struct{ *Revision }

var (
	_ fs.ReadDirFS  = revisionFS{}
	_ fs.ReadFileFS = revisionFS{}
	_ fs.StatFS     = revisionFS{}
	_ fs.ReadLinkFS = revisionFS{}
)

// find returns the node with a name of the file system.
func (f revisionFS) find(op, name string, last bool) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	found, err := f.follow(f.ctx, route{base: f.prefix, todo: name, last: last, confined: true})
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return found.node, nil
}

func (f revisionFS) Open(name string) (fs.File, error) {
	n, err := f.find("open", name, true)
	if err != nil {
		return nil, err
	}
	info := fileInfo{node: n, name: path.Base(name)}
	if n.mode.IsDir() {
		entries, err := f.entries(n)
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return &openDirectory{info: info, entries: entries}, nil
	}
	if twin := f.openTwin(f.ctx, n); twin != nil {
		onDisk, err := twin.Stat()
		if err == nil {
			info.size = onDisk.Size()
			return &openFile{info, twin, twin}, nil
		}
		twin.Close()
	}
	content, err := f.stored(f.ctx, n)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	info.size = int64(len(content))
	return &openFile{info, bytes.NewReader(content), io.NopCloser(nil)}, nil
}

func (f revisionFS) ReadFile(name string) ([]byte, error) {
	n, err := f.find("open", name, true)
	if err == nil && n.mode.IsDir() {
		err = &fs.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
	}
	if err != nil {
		return nil, err
	}
	content, err := f.load(f.ctx, n)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return content, nil
}

func (f revisionFS) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.find("open", name, true)
	if err == nil && !n.mode.IsDir() {
		err = &fs.PathError{Op: "readdir", Path: name, Err: syscall.ENOTDIR}
	}
	if err != nil {
		return nil, err
	}
	entries, err := f.entries(n)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	return entries, nil
}

func (f revisionFS) Stat(name string) (fs.FileInfo, error) {
	n, err := f.find("stat", name, true)
	if err != nil {
		return nil, err
	}
	return f.stat(n, name)
}

// Lstat is Stat for a symlink itself.
func (f revisionFS) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.find("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return f.stat(n, name)
}

// ReadLink returns the target of a symlink.
func (f revisionFS) ReadLink(name string) (string, error) {
	n, err := f.find("readlink", name, false)
	if err == nil && n.mode&fs.ModeSymlink == 0 {
		err = &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	if err != nil {
		return "", err
	}
	target, err := f.stored(f.ctx, n)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return string(target), nil
}

// stat describes a node.
func (f revisionFS) stat(n *node, name string) (fs.FileInfo, error) {
	info := fileInfo{node: n, name: path.Base(name)}
	if n.mode.IsDir() {
		return info, nil
	}
	if twin := f.openTwin(f.ctx, n); twin != nil {
		defer twin.Close()
		if onDisk, err := twin.Stat(); err == nil {
			info.size = onDisk.Size()
			return info, nil
		}
	}
	err := f.each(f.ctx, n.from, []*node{n}, func(_ int, size int64, _ io.Reader) error {
		info.size = size
		return nil
	})
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info, nil
}

// entries lists a directory by name.
func (f revisionFS) entries(n *node) ([]fs.DirEntry, error) {
	if n.lack != nil && !n.vacant {
		return nil, n.lack
	}
	entries := make([]fs.DirEntry, len(n.children))
	for i, c := range n.children {
		entries[i] = dirEntry{f, c}
	}
	return entries, nil
}

// fileInfo describes a node. A directory's size is 0.
type fileInfo struct {
	node *node
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return i.node.mode }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.node.mode.IsDir() }
func (i fileInfo) Sys() any           { return nil }

// dirEntry is a node in its directory.
type dirEntry struct {
	from revisionFS
	node *node
}

func (e dirEntry) Name() string               { return e.node.name() }
func (e dirEntry) IsDir() bool                { return e.node.mode.IsDir() }
func (e dirEntry) Type() fs.FileMode          { return e.node.mode.Type() }
func (e dirEntry) Info() (fs.FileInfo, error) { return e.from.stat(e.node, e.node.name()) }
func (e dirEntry) String() string             { return fs.FormatDirEntry(e) }

// openFile is a file that is being read.
type openFile struct {
	info fileInfo
	io.Reader
	io.Closer
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

// openDirectory is a directory that is being read.
type openDirectory struct {
	info    fileInfo
	entries []fs.DirEntry // those not returned yet
}

func (d *openDirectory) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDirectory) Close() error               { return nil }

func (d *openDirectory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: syscall.EISDIR}
}

// ReadDir implements fs.ReadDirFile.
func (d *openDirectory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	out := d.entries[:n:n]
	d.entries = d.entries[n:]
	return out, nil
}
