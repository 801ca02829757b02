package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"
)

// listGit lists a directory by git, if it is in a work tree that does not
// ignore it. Else the listing is empty and not by git.
func listGit(ctx context.Context, dir string) (*listing, error) {
	r, err := findRepository(dir)
	if r == nil || err != nil {
		return &listing{}, err
	}
	prefix, inside, err := r.place(ctx)
	if !inside || err != nil {
		return &listing{}, err
	}
	items, err := r.list(ctx, prefix)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 && prefix != "" {
		if ignored, err := r.ignores(ctx); ignored || err != nil {
			return &listing{}, err
		}
	}
	return &listing{items: items, git: true}, nil
}

// list returns what git tracks and what it neither tracks nor ignores, with
// what is in submodules and nested repositories. Two processes at once do it
// for a repository, however large.
func (r *repository) list(ctx context.Context, prefix string) ([]item, error) {
	var index, status output
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		index, err = r.run(groupCtx, "ls-files", "-z", "-v", "--stage")
		return err
	})
	group.Go(func() (err error) {
		// Changes inside submodules are asked for there; here only whether
		// they have the commit that HEAD says.
		status, err = r.run(groupCtx, "status", "-z", "--porcelain=v2", "--untracked-files=all", "--no-renames", "--ignore-submodules=dirty", "--", ".")
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	l := &gitLister{repository: r, prefix: prefix, differing: map[string]state{}}
	l.readStatus(fields(status.stdout))
	l.readWarnings(status.stderr)
	if err := l.readIndex(fields(index.stdout)); err != nil {
		return nil, err
	}
	for name, st := range l.differing {
		l.items = append(l.items, item{path: name, state: st})
	}
	if err := l.addNested(ctx); err != nil {
		return nil, err
	}
	return arrange(l.items), nil
}

// gitLister puts together what git says of one repository.
type gitLister struct {
	*repository
	prefix string
	items  []item
	// differing are tracked paths that are not as in HEAD.
	differing map[string]state
	nested    []nested
}

// nested is a repository in the work tree of another.
type nested struct {
	path    string
	differs bool // it is not what HEAD says, whatever is in it
}

// readStatus reads git status: git-status(1), "Porcelain Format Version 2".
// Paths are relative to the top of the work tree.
func (l *gitLister) readStatus(records []string) {
	for _, record := range records {
		kind, rest, _ := strings.Cut(record, " ")
		skip, known := map[string]int{"1": 7, "u": 9, "?": 0}[kind]
		if !known {
			continue
		}
		parts := strings.SplitN(rest, " ", skip+1)
		name, inside := strings.CutPrefix(parts[len(parts)-1], l.prefix)
		if len(parts) <= skip || !inside {
			continue
		}
		switch {
		case kind == "?" && strings.HasSuffix(name, "/"):
			l.nested = append(l.nested, nested{strings.TrimSuffix(name, "/"), true})
		case kind == "?":
			l.items = append(l.items, item{path: name, state: changed})
		case kind == "1" && strings.Contains(parts[0], "D"):
			l.differing[name] = absent
		default:
			l.differing[name] = changed
		}
	}
}

// readWarnings finds directories that git could not look into: it goes on
// without them.
func (l *gitLister) readWarnings(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		line, warned := strings.CutPrefix(line, "warning: could not open directory '")
		end := strings.LastIndex(line, "': ")
		if !warned || end < 0 {
			continue
		}
		if name, inside := strings.CutPrefix(line[:end], l.prefix); inside {
			l.items = append(l.items, item{path: strings.TrimSuffix(name, "/"), state: closed})
		}
	}
}

// readIndex reads the lines of git ls-files -v --stage: "TAG MODE ID
// STAGE<tab>PATH".
func (l *gitLister) readIndex(records []string) error {
	for _, record := range records {
		head, name, ok := strings.Cut(record, "\t")
		parts := strings.SplitN(head, " ", 4)
		if !ok || len(parts) != 4 || len(parts[0]) != 1 {
			return fmt.Errorf("git ls-files in %s: unexpected line %q", l.dir, record)
		}
		tag, mode, id := parts[0][0], parts[1], parts[2]
		st, differs := l.differing[name]
		switch {
		case mode == "160000":
			delete(l.differing, name)
			l.addSubmodule(name, differs)
		case differs && (st == absent || tag == 'H' || tag == 'M'):
		case tag == 'S' || tag >= 'a':
			delete(l.differing, name)
			if onDisk := l.compare(name, mode, id); onDisk != unchanged || !differs {
				st = onDisk
			}
			l.items = append(l.items, item{name, st, mode + " " + id})
		default:
			l.items = append(l.items, item{name, unchanged, head[2 : len(head)-2]})
		}
	}
	return nil
}

// addSubmodule notes a submodule. One that is not checked out lacks what HEAD
// says it has.
func (l *gitLister) addSubmodule(name string, differs bool) {
	if _, err := os.Lstat(filepath.Join(l.dir, filepath.FromSlash(name), ".git")); err != nil {
		l.items = append(l.items, item{path: name, state: absent})
		return
	}
	l.nested = append(l.nested, nested{name, differs})
}

// addNested lists the repositories below this one.
func (l *gitLister) addNested(ctx context.Context) error {
	found := make([][]item, len(l.nested))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, n := range l.nested {
		group.Go(func() error {
			r := &repository{filepath.Join(l.dir, filepath.FromSlash(n.path))}
			prefix, inside, err := r.place(ctx)
			if err != nil {
				return err
			}
			if !inside || prefix != "" {
				return fmt.Errorf("%s has a .git that git does not accept; repair or remove it", r.dir)
			}
			found[i], err = r.list(ctx, "")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, n := range l.nested {
		for _, below := range found[i] {
			if n.differs && below.state == unchanged {
				below.state = changed
			}
			below.path = n.path + "/" + below.path
			l.items = append(l.items, below)
		}
	}
	return nil
}
