package source

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
)

// changedLate reports whether a file is not any more what git found unchanged.
// Git looks at all files first and contents are read later: a file that is
// written between the two is not that of HEAD, though git said so. What git
// found is "MODE ID" of an object.
//
// A file whose times are older than git's look has been left alone since. Of
// the few others the content is compared, as it is and then as git would store
// it, for git's filters (line ends, git-lfs) make the two differ.
func (t *Tree) changedLate(ctx context.Context, full string, st *syscall.Stat_t, object string) (bool, error) {
	looked := t.looked.Load()
	if looked == nil || !stamp(st).since(*looked) {
		return false, nil
	}
	mode, id, _ := strings.Cut(object, " ")
	have, err := blobID(full, st, len(id))
	if err != nil {
		return true, nil
	}
	r := &repository{filepath.Dir(full)}
	if have != id {
		if kind(st) != syscall.S_IFREG || mode == modeSymlink {
			return true, nil
		}
		if have, err = r.stored(ctx, filepath.Base(full)); have != id || err != nil {
			return true, err
		}
	}
	if now, err := t.mode(ctx, full, st, mode); now != mode || err != nil {
		return true, err
	}
	var again syscall.Stat_t // what has been compared is what has been read
	return lstat(full, &again) != nil || stamp(&again) != stamp(st), nil
}

// stored is the object id that git would store a file under.
func (r *repository) stored(ctx context.Context, name string) (string, error) {
	out, err := r.run(ctx, "hash-object", "--", name)
	return strings.TrimSpace(out.stdout), err
}
