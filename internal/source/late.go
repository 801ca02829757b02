package source

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
)

// Git looks at all files first and contents are read later: a file that is
// written between the two is not that of HEAD, though git said so.
//
// A file whose times are older than git's look has been left alone since. Of
// the few others the content is compared, as it is and then as git would store
// it, for git's filters (line ends, git-lfs) make the two differ.

// filtered is a file whose content is not git's object byte for byte.
type filtered struct {
	*entry
	st syscall.Stat_t
}

// checkLate notes whether a file is not any more what git found unchanged, or
// that git has to be asked: settle does that, for many at once.
func (r *reader) checkLate(ctx context.Context, e *entry, st *syscall.Stat_t) (err error) {
	looked := r.looked.Load()
	if looked == nil || !stamp(st).since(*looked) {
		return nil
	}
	mode, id, _ := strings.Cut(e.object, " ")
	have, err := blobID(e.Origin, st, len(id))
	switch {
	case err != nil:
		e.late = true
		return nil
	case have == id:
		e.late, err = r.changedBesides(ctx, e, st)
		return err
	case kind(st) != syscall.S_IFREG || mode == modeSymlink:
		e.late = true
		return nil
	}
	r.filtered = append(r.filtered, filtered{e, *st})
	return nil
}

// settle asks git under which ids it would store the files that checkLate could
// not tell, with one process for each work tree.
func (r *reader) settle(ctx context.Context) error {
	trees := map[string][]filtered{}
	for _, f := range r.filtered {
		top := workTree(filepath.Dir(f.Origin))
		trees[top] = append(trees[top], f)
	}
	r.filtered = nil
	for top, files := range trees {
		ids, err := (&repository{top}).stored(ctx, files)
		if err != nil {
			return err
		}
		for i, f := range files {
			if _, id, _ := strings.Cut(f.object, " "); ids[i] != id {
				f.late = true
			} else if f.late, err = r.changedBesides(ctx, f.entry, &f.st); err != nil {
				return err
			}
		}
	}
	return nil
}

// changedBesides reports whether a file with the content that git found has
// another mode, or has been written while that was found out: what has been
// compared is to be what has been read.
func (t *Tree) changedBesides(ctx context.Context, e *entry, st *syscall.Stat_t) (bool, error) {
	mode, _, _ := strings.Cut(e.object, " ")
	if now, err := t.mode(ctx, e.Origin, st, mode); now != mode || err != nil {
		return true, err
	}
	var again syscall.Stat_t
	return lstat(e.Origin, &again) != nil || stamp(&again) != stamp(st), nil
}

// stored are the object ids that git would store files under.
func (r *repository) stored(ctx context.Context, files []filtered) ([]string, error) {
	var names strings.Builder
	for _, f := range files {
		rel, err := filepath.Rel(r.dir, f.Origin)
		if err != nil {
			return nil, err
		}
		// A line in quotes is unquoted as in C, so that a name may have any byte.
		fmt.Fprintf(&names, "\"%s\"\n", quoteC.Replace(rel))
	}
	cmd := r.command(ctx, "hash-object", "--stdin-paths")
	cmd.Stdin = strings.NewReader(names.String())
	out, err := r.collect(ctx, cmd)
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out.stdout)
	if len(ids) != len(files) {
		return nil, fmt.Errorf("git hash-object in %s: %d ids for %d files", r.dir, len(ids), len(files))
	}
	return ids, nil
}

var quoteC = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
