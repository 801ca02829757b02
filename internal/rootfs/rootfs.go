package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// FS is a directory. It is safe for concurrent use, and implements fs.FS,
// fs.ReadDirFS, fs.StatFS and fs.ReadLinkFS.
type FS struct {
	dir  *os.File
	root *os.Root
	// slow is os.Root's own, for systems without openat2(2): before Linux 5.6,
	// and in sandboxes that forbid it.
	slow fs.FS
}

var (
	_ fs.ReadDirFS  = (*FS)(nil)
	_ fs.StatFS     = (*FS)(nil)
	_ fs.ReadLinkFS = (*FS)(nil)
)

// Open opens a directory. A symlink to one is followed.
func Open(dir string) (*FS, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	fsys := &FS{dir: f, root: root}
	probe, err := fsys.open(".", unix.O_DIRECTORY)
	switch {
	case err == nil:
		err = probe.Close()
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		fsys.slow, err = root.FS(), nil
	}
	if err != nil {
		return nil, errors.Join(err, fsys.Close())
	}
	return fsys, nil
}

// Close ends the use of the FS. Files that are open stay so.
func (f *FS) Close() error { return errors.Join(f.dir.Close(), f.root.Close()) }

// errEscapes has the words of os.Root.
var errEscapes = errors.New("path escapes from parent")

// open opens a path below the directory, as openat2(2) with RESOLVE_BENEATH:
// a symlink that leads outside, and every absolute one, is refused.
func (f *FS) open(name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(int(f.dir.Fd()), name, &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), filepath.Join(f.dir.Name(), name)), nil
		case unix.EAGAIN, unix.EINTR: // something was renamed meanwhile
		case unix.EXDEV:
			return nil, &fs.PathError{Op: "open", Path: name, Err: errEscapes}
		default:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// Open opens a file. Like os.Root.Open it waits for the writer of a pipe.
func (f *FS) Open(name string) (fs.File, error) {
	if err := check("open", name); err != nil {
		return nil, err
	}
	if f.slow != nil {
		return f.slow.Open(name)
	}
	file, err := f.open(name, 0)
	if err != nil {
		return nil, err
	}
	return file, nil
}

// ReadDir reads a directory, sorted by name.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := check("readdir", name); err != nil {
		return nil, err
	}
	if f.slow != nil {
		return fs.ReadDir(f.slow, name)
	}
	dir, err := f.open(name, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Stat describes what a path leads to, symlinks followed.
func (f *FS) Stat(name string) (fs.FileInfo, error) {
	if err := check("stat", name); err != nil {
		return nil, err
	}
	return f.root.Stat(name)
}

// Lstat describes a path itself.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	if err := check("lstat", name); err != nil {
		return nil, err
	}
	return f.root.Lstat(name)
}

// ReadLink returns a symlink's target as it is.
func (f *FS) ReadLink(name string) (string, error) {
	if err := check("readlink", name); err != nil {
		return "", err
	}
	return f.root.Readlink(name)
}

func check(op, name string) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return nil
}
