package buildkit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openRegular opens a regular file at an absolute path that led over no symlink
// when it was planned. Where there is one now, at the end or on the way, even
// one that leads to the same content, something has been put in the file's
// place. It does not wait for a writer where there is a pipe.
func openRegular(name string) (*os.File, error) {
	fd, err := openUnlinked(name)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return nil, changedError(name)
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	file := os.NewFile(uintptr(fd), name)
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = changedError(name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// openUnlinked opens a file for reading, one directory after the other, and
// follows no symlink. What openat2(2) does at once is not allowed in all
// containers. The descriptor is to be closed.
func openUnlinked(name string) (fd int, err error) {
	fd, err = openAt(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY)
	parts := strings.Split(strings.Trim(filepath.Clean(name), "/"), "/")
	for i, part := range parts {
		if err != nil {
			return -1, err
		}
		flags := unix.O_PATH | unix.O_DIRECTORY
		if i == len(parts)-1 {
			flags = unix.O_RDONLY | unix.O_NONBLOCK
		}
		next, openErr := openAt(fd, part, flags)
		err = errors.Join(openErr, unix.Close(fd))
		fd = next
	}
	return fd, err
}

func openAt(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
