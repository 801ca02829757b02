package source

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// compare says how a file is on disk of which git was told not to look at it
// (git-update-index(1), --assume-unchanged and --skip-worktree; sparse
// checkouts use the latter). object is "MODE ID". A file that git's filters
// would convert counts as changed.
func (r *repository) compare(name, object string) state {
	full := filepath.Join(r.dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	if err != nil || info.IsDir() || !r.owns(name) {
		return absent
	}
	return compareObject(full, info, object)
}

// owns reports whether a path is in the work tree by no symlink: git tracks
// nothing that is below one.
func (r *repository) owns(name string) bool {
	parent := filepath.Dir(filepath.Join(r.dir, filepath.FromSlash(name)))
	resolved, err := filepath.EvalSymlinks(parent)
	return err == nil && resolved == parent
}

// compareObject compares a file with an object of git's, "MODE ID".
func compareObject(full string, info fs.FileInfo, object string) state {
	mode, id, _ := strings.Cut(object, " ")
	if have, err := blobID(full, info, len(id)); err != nil || have != id || gitMode(info) != mode {
		return changed
	}
	return unchanged
}

// gitMode is the mode that git's index has for a file.
func gitMode(info fs.FileInfo) string {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return "120000"
	case info.Mode()&0o100 != 0:
		return "100755"
	}
	return "100644"
}

// blobID is the id of a file's content as a git object, of so many hex digits:
// see gitformat-pack(5), "Object names".
func blobID(full string, info fs.FileInfo, digits int) (string, error) {
	h := newObjectHash(digits)
	if info.Mode()&fs.ModeSymlink != 0 {
		link, err := os.Readlink(full)
		fmt.Fprintf(h, "blob %d\x00%s", len(link), link)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	f, err := openRegular(full)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fmt.Fprintf(h, "blob %d\x00", info.Size())
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// openRegular opens a file that was a regular one. If it has become a symlink
// that is an error, and a pipe does not block.
func openRegular(full string) (*os.File, error) {
	return os.OpenFile(full, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

func newObjectHash(digits int) hash.Hash {
	if digits == hex.EncodedLen(sha256.Size) {
		return sha256.New()
	}
	return sha1.New()
}
