package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usersLimit is how long CheckUnused waits. An embedded builder that nobody
// uses stops by itself, but only after its idle time.
const usersLimit = 60 * time.Second

// CheckUnused reports an error for each process and mount that still uses
// something below dir, after it has waited for them to end.
func CheckUnused(t testing.TB, dir string) {
	t.Helper()
	if err := awaitUnused(dir, usersLimit); err != nil {
		t.Error(err)
	}
}

// awaitUnused waits until nothing uses dir, at most as long as the limit.
func awaitUnused(dir string, limit time.Duration) error {
	users, err := Users(dir)
	for deadline := time.Now().Add(limit); err == nil && len(users) > 0; users, err = Users(dir) {
		if time.Now().After(deadline) {
			return fmt.Errorf("left behind in %s:\n\t%s", dir, strings.Join(users, "\n\t"))
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// Users describes the mounts on and from dir or something below it, in the
// mount namespace of this process, and every other process that has to do with
// dir: it names dir among its arguments or in its environment, has a file
// there open or locked, works or is rooted there, or sees a mount of it that
// this process does not see, as a container of a builder with its state in dir
// does. A directory that is no longer there may still have users.
//
// Processes that this user may not look at are left out: to root, none.
func Users(dir string) ([]string, error) {
	dir, err := resolve(dir)
	if err != nil {
		return nil, fmt.Errorf("look for users of %s: %w", dir, err)
	}
	own, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("look for users of %s: %w", dir, err)
	}
	var users []string
	for line := range bytes.Lines(own) {
		if mentions(line, dir) {
			users = append(users, "mount "+strings.TrimSpace(string(line)))
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for users of %s: %w", dir, err)
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		how, err := usedBy(pid, dir, own)
		if err != nil {
			return nil, fmt.Errorf("look for users of %s: process %d: %w", dir, pid, err)
		}
		if how != "" {
			users = append(users, fmt.Sprintf("process %d (%s): %s", pid, commandOf(pid), how))
		}
	}
	return users, nil
}

// resolve follows the symlinks of dir, as the kernel's files show it. A
// directory that has been removed is resolved as far as it exists.
func resolve(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return dir, err
	}
	resolved, err := filepath.EvalSymlinks(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	parent, err := resolve(filepath.Dir(dir))
	return filepath.Join(parent, filepath.Base(dir)), err
}

// usedBy says how a process uses dir; "" if it does not, or has ended. Mounts
// among own are not counted.
func usedBy(pid int, dir string, own []byte) (how string, err error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	for _, file := range []string{"cmdline", "environ", "mountinfo"} {
		content, err := os.ReadFile(filepath.Join(proc, file))
		if err != nil {
			return "", unlessGone(err)
		}
		for line := range bytes.Lines(content) {
			if mentions(line, dir) && !(file == "mountinfo" && bytes.Contains(own, line)) {
				return file, nil
			}
		}
	}
	links := []string{filepath.Join(proc, "cwd"), filepath.Join(proc, "root")}
	open, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return "", unlessGone(err)
	}
	for _, fd := range open {
		links = append(links, filepath.Join(proc, "fd", fd.Name()))
	}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil {
			// A file that was closed meanwhile, or a process that has ended.
			if err := unlessGone(err); err != nil {
				return "", err
			}
			continue
		}
		if mentions([]byte(target), dir) {
			return filepath.Base(link) + " " + target, nil
		}
	}
	return "", nil
}

// mentions reports whether text has dir as a path or the beginning of one.
func mentions(text []byte, dir string) bool {
	for {
		i := bytes.Index(text, []byte(dir))
		if i < 0 {
			return false
		}
		text = text[i+len(dir):]
		if len(text) == 0 || strings.ContainsRune("/ \t\n\x00\"',:;", rune(text[0])) {
			return true
		}
	}
}

// unlessGone is err, unless it says that a process or its file has gone, or
// belongs to somebody else.
func unlessGone(err error) error {
	for _, gone := range []error{fs.ErrNotExist, syscall.ESRCH, fs.ErrPermission, syscall.EINVAL} {
		if errors.Is(err, gone) {
			return nil
		}
	}
	return err
}

// commandOf is a process's command line, for people.
func commandOf(pid int) string {
	content, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return "gone"
	}
	command := string(bytes.ReplaceAll(bytes.TrimRight(content, "\x00"), []byte{0}, []byte{' '}))
	return command[:min(len(command), 200)]
}
