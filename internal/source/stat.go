package source

import (
	"errors"
	"io/fs"
	"slices"
	"sync"
	"syscall"
	"time"
)

// tick is more than file systems' clocks are behind the one that time.Now
// reads: the kernel keeps the time of files in steps of up to 10 ms.
const tick = 20 * time.Millisecond

// fingerprint identifies a content of a file. Like git's index it does without
// the device, which changes when a disk is mounted anew.
type fingerprint struct {
	size, mtime, ctime int64 // bytes; nanoseconds since 1970
	inode              uint64
}

// stamp is what the file system says of a file.
func stamp(st *syscall.Stat_t) fingerprint {
	return fingerprint{st.Size, st.Mtim.Nano(), st.Ctim.Nano(), st.Ino}
}

// since reports whether the file may have changed since a time.
func (f fingerprint) since(when time.Time) bool {
	return max(f.mtime, f.ctime) > when.Add(-tick).UnixNano()
}

// lstat looks at a path and follows no symlink at its end. It is os.Lstat
// without what that makes of the answer: this is done for every file of a
// workspace in every run.
func lstat(full string, st *syscall.Stat_t) error {
	if err := again(func() error { return syscall.Lstat(full, st) }); err != nil {
		return &fs.PathError{Op: "lstat", Path: full, Err: err}
	}
	return nil
}

// again repeats a system call that a signal has interrupted.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// kind is the type in a mode.
func kind(st *syscall.Stat_t) uint32 { return st.Mode & syscall.S_IFMT }

// openRaw opens a file that was a regular one. If it has become a symlink that
// is an error, and a pipe does not block. The descriptor is to be closed.
func openRaw(full string) (fd int, err error) {
	err = again(func() (err error) {
		fd, err = syscall.Open(full, syscall.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: full, Err: err}
	}
	return fd, nil
}

// readRaw reads what there is next.
func readRaw(fd int, buffer []byte) (n int, err error) {
	err = again(func() (err error) {
		n, err = syscall.Read(fd, buffer)
		return err
	})
	return max(n, 0), err
}

// readFile reads a regular file; what is none is not read.
func readFile(full string) (content []byte, regular bool, err error) {
	fd, err := openRaw(full)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, syscall.Close(fd)) }()
	var st syscall.Stat_t
	if err := again(func() error { return syscall.Fstat(fd, &st) }); err != nil {
		return nil, false, &fs.PathError{Op: "stat", Path: full, Err: err}
	}
	if kind(&st) != syscall.S_IFREG {
		return nil, false, nil
	}
	content = make([]byte, 0, max(st.Size, 0)+1) // the end is seen with one more
	for {
		if len(content) == cap(content) {
			content = slices.Grow(content, cap(content))
		}
		n, err := readRaw(fd, content[len(content):cap(content)])
		if err != nil {
			return nil, true, &fs.PathError{Op: "read", Path: full, Err: err}
		}
		if n == 0 {
			return content, true, nil
		}
		content = content[:len(content)+n]
	}
}

// folders remembers which directories of the workspace are where they seem to
// be, so that paths in them need not be followed from the root each time. Like
// all of a tree it is what it was when it was first asked for. The zero value
// is ready for use.
type folders struct {
	mu    sync.RWMutex
	known map[string]bool
}

// real reports whether a clean root-relative path leads over directories only,
// to a directory: over no symlink.
func (f *folders) real(t *Tree, rel string) bool {
	if rel == "." || rel == "" {
		return true
	}
	f.mu.RLock()
	is, known := f.known[rel]
	f.mu.RUnlock()
	if known {
		return is
	}
	var st syscall.Stat_t
	is = f.real(t, parent(rel)) && lstat(t.at(rel), &st) == nil && kind(&st) == syscall.S_IFDIR
	f.note(rel, is)
	return is
}

func (f *folders) note(rel string, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known == nil {
		f.known = map[string]bool{}
	}
	f.known[rel] = is
}
