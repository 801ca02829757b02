package source

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// compare says how a file is on disk of which git was told not to look at it
// (git-update-index(1), --assume-unchanged and --skip-worktree; sparse
// checkouts use the latter). object is "MODE ID". A file that git's filters
// would convert counts as changed.
func (l *gitLister) compare(ctx context.Context, name, object string) (state, error) {
	full := filepath.Join(l.dir, filepath.FromSlash(name))
	var st syscall.Stat_t
	if lstat(full, &st) != nil || kind(&st) == syscall.S_IFDIR || !l.owns(name) {
		return absent, nil
	}
	mode, id, _ := strings.Cut(object, " ")
	if have, err := blobID(full, &st, len(id)); err != nil || have != id {
		return changed, nil
	}
	onDisk := fileMode(&st)
	if onDisk == mode {
		return unchanged, nil
	}
	d, err := l.doubted.get(ctx, l.repository.doubts)
	if err != nil || d.mode(onDisk, mode) != mode {
		return changed, err
	}
	return unchanged, nil
}

// owns reports whether a path is in the work tree by no symlink: git tracks
// nothing that is below one.
func (r *repository) owns(name string) bool {
	parent := filepath.Dir(filepath.Join(r.dir, filepath.FromSlash(name)))
	resolved, err := filepath.EvalSymlinks(parent)
	return err == nil && resolved == parent
}

// blobID is the id of a file's content as a git object, of so many hex digits:
// see gitformat-pack(5), "Object names".
func blobID(full string, st *syscall.Stat_t, digits int) (string, error) {
	h := newObjectHash(digits)
	if kind(st) == syscall.S_IFLNK {
		link, err := os.Readlink(full)
		fmt.Fprintf(h, "blob %d\x00%s", len(link), link)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	f, err := openRegular(full)
	if err != nil {
		return "", err
	}
	defer f.Close()
	fmt.Fprintf(h, "blob %d\x00", st.Size)
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
