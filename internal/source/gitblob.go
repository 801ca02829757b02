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
)

// compare says how a file is on disk of which git was told not to look at it
// (git-update-index(1), --assume-unchanged and --skip-worktree; sparse
// checkouts use the latter). A file that git's filters would convert counts as
// changed.
func (r *repository) compare(name, mode, id string) state {
	full := filepath.Join(r.dir, filepath.FromSlash(name))
	// A file below a symlink to a directory is not the one that git tracks.
	parent := filepath.Dir(full)
	if resolved, err := filepath.EvalSymlinks(parent); err != nil || resolved != parent {
		return absent
	}
	info, err := os.Lstat(full)
	if err != nil || info.IsDir() {
		return absent
	}
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

func newObjectHash(digits int) hash.Hash {
	if digits == hex.EncodedLen(sha256.Size) {
		return sha256.New()
	}
	return sha1.New()
}
