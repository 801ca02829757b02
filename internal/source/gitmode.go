package source

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/stowage-build/stowage/planner"
)

// Modes of files in git's index: gitformat-index(5).
const (
	modeRegular    = "100644"
	modeExecutable = "100755"
	modeSymlink    = "120000"
	// modeSubmodule is that of a submodule's commit.
	modeSubmodule = "160000"
)

// fileMode is the mode in git's index that a file on disk looks like.
func fileMode(st *syscall.Stat_t) string {
	switch {
	case kind(st) == syscall.S_IFLNK:
		return modeSymlink
	case st.Mode&0o100 != 0:
		return modeExecutable
	}
	return modeRegular
}

// doubts are what a work tree's file system is not believed (git-config(1)):
// executable bits where core.fileMode is false, and that a file is no symlink
// where core.symlinks is. Git then has what its index says, and finds a file
// unchanged that looks otherwise on disk.
type doubts struct{ executable, symlinks bool }

// mode is the mode that git has for a file which looks like one of mode
// onDisk. indexed is its mode in the index, "" of a new file. It is what git
// does in ce_mode_from_stat.
func (d doubts) mode(onDisk, indexed string) string {
	switch {
	case onDisk == modeSymlink:
		return modeSymlink
	case d.symlinks && indexed == modeSymlink:
		return modeSymlink
	case !d.executable:
		return onDisk
	case indexed == modeExecutable:
		return modeExecutable
	}
	return modeRegular
}

// doubts asks git what it does not believe in this work tree.
func (r *repository) doubts(ctx context.Context) (d doubts, err error) {
	out, err := r.run(ctx, "config", "--type=bool", "--get-regexp", `^core\.(filemode|symlinks)$`)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return doubts{}, nil // neither is set
	}
	for line := range strings.Lines(out.stdout) { // the last of each counts
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " "); name {
		case "core.filemode":
			d.executable = value == "false"
		case "core.symlinks":
			d.symlinks = value == "false"
		}
	}
	return d, err
}

// doubts are those of the work tree that a directory is in. Git is asked once
// for each work tree, and only when something is not as its index has it.
func (t *Tree) doubts(ctx context.Context, dir string) (doubts, error) {
	return t.doubted.get(ctx, dir, func(ctx context.Context) (doubts, error) {
		switch top := workTree(dir); top {
		case "":
			return doubts{}, nil
		case dir:
			return (&repository{dir}).doubts(ctx)
		default:
			return t.doubts(ctx, top)
		}
	})
}

// workTree is the nearest directory with a repository, from dir upwards, or "".
func workTree(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return ""
		}
	}
}

// mode is the mode that git has for a file. Outside git, and of files that it
// ignores, indexed is "", and what is on disk holds.
func (t *Tree) mode(ctx context.Context, full string, st *syscall.Stat_t, indexed string) (string, error) {
	onDisk := fileMode(st)
	if indexed == "" || indexed == onDisk {
		return onDisk, nil
	}
	d, err := t.doubts(ctx, filepath.Dir(full))
	return d.mode(onDisk, indexed), err
}

// setMode makes an entry what git has a regular file on disk for. It is true
// when the file stands for a symlink, whose target it contains.
func (r *reader) setMode(ctx context.Context, e *entry, st *syscall.Stat_t) (link bool, err error) {
	mode, err := r.mode(ctx, e.Origin, st, e.indexed)
	if err != nil {
		return false, err
	}
	switch e.Type = planner.FileRegular; mode {
	case modeExecutable:
		e.Type = planner.FileExecutable
	case modeSymlink:
		content, regular, err := readFile(e.Origin)
		if err == nil && !regular {
			err = errors.New("the file changed while it was read; run again")
		}
		if err != nil {
			return true, err
		}
		return true, setLink(e, string(content))
	}
	return false, nil
}

// standsIn reports whether a regular file, rel to the root, stands for a
// symlink that the file system could not have, and where that leads.
func (t *Tree) standsIn(ctx context.Context, rel string) (target string, is bool, err error) {
	if t.git == nil {
		return "", false, nil
	}
	if indexed, err := t.indexed(ctx, rel); err != nil || indexed != modeSymlink {
		return "", false, err
	}
	full := t.at(rel)
	if d, err := t.doubts(ctx, filepath.Dir(full)); err != nil || !d.symlinks {
		return "", false, err
	}
	content, regular, err := readFile(full)
	return string(content), regular, err
}

// mayStandIn reports whether a file may be one that stands for a symlink.
func mayStandIn(content []byte) bool {
	return len(content) > 0 && len(content) < syscall.PathMax && !bytes.ContainsRune(content, '\n')
}
