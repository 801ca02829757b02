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
func listGit(ctx context.Context, dir string, omit omitted) (*listing, error) {
	r, err := findRepository(dir)
	if r == nil || err != nil {
		return &listing{}, err
	}
	answers, inside, err := r.ask(ctx)
	if !inside || err != nil {
		return &listing{}, err
	}
	l, err := r.list(ctx, answers, omit)
	if err != nil {
		return nil, err
	}
	if len(l.items) == 0 && answers.prefix != "" {
		if ignored, err := r.ignores(ctx); ignored || err != nil {
			return &listing{}, err
		}
	}
	return &listing{items: l.items, git: true, head: l.head}, nil
}

// answers are what git says of a directory.
type answers struct {
	prefix        string // of the directory in the work tree: "" or ending in a slash
	index, status output
}

// ask asks git what it tracks, and what is not as in HEAD. Three processes do
// it at once, however large the repository is. It is false in a repository
// that has no work tree here.
func (r *repository) ask(ctx context.Context) (a answers, inside bool, err error) {
	var group errgroup.Group
	var place error
	group.Go(func() error {
		a.prefix, inside, place = r.place(ctx)
		return nil
	})
	group.Go(func() (err error) {
		a.index, err = r.run(ctx, "ls-files", "-z", "-v", "--stage")
		return err
	})
	group.Go(func() (err error) {
		// Changes inside submodules are asked for there; here only whether
		// they have the commit that HEAD says.
		a.status, err = r.run(ctx, "status", "-z", "--porcelain=v2", "--branch", "--no-ahead-behind",
			"--untracked-files=all", "--no-renames", "--ignore-submodules=dirty", "--", ".")
		return err
	})
	err = group.Wait()
	if place != nil || !inside { // then the others fail too
		return a, false, place
	}
	return a, true, err
}

// list returns what git tracks and what it neither tracks nor ignores, with
// what is in submodules and nested repositories.
func (r *repository) list(ctx context.Context, a answers, omit omitted) (*gitLister, error) {
	l := &gitLister{repository: r, prefix: a.prefix, omit: omit, differing: map[string]item{}}
	l.readStatus(a.status.stdout)
	l.readWarnings(a.status.stderr)
	if err := l.readIndex(ctx, a.index.stdout); err != nil {
		return nil, err
	}
	for _, i := range l.differing {
		l.more = append(l.more, i)
	}
	if err := l.addNested(ctx); err != nil {
		return nil, err
	}
	l.items, l.more = merge(l.items, l.more), nil
	return l, nil
}

// gitLister puts together what git says of one repository.
type gitLister struct {
	*repository
	prefix string
	omit   omitted
	head   string
	items  []item // in the order of the index, which is sorted
	more   []item // in no order
	// differing are tracked paths that are not as in HEAD.
	differing map[string]item
	nested    []nested
	doubted   lazy[doubts]
}

// nested is a repository in the work tree of another.
type nested struct {
	path    string
	differs bool // it is not what HEAD says, whatever is in it
}

// readStatus reads git status: git-status(1), "Porcelain Format Version 2".
// Paths are relative to the top of the work tree.
func (l *gitLister) readStatus(out string) {
	for record := range records(out) {
		kind, rest, _ := strings.Cut(record, " ")
		skip := 0 // fields before the path
		switch kind {
		case "#":
			if id, is := strings.CutPrefix(rest, "branch.oid "); is && id != "(initial)" {
				l.head = id
			}
			continue
		case "1":
			skip = 7
		case "u":
			skip = 9
		case "?":
		default:
			continue
		}
		parts := strings.SplitN(rest, " ", skip+1)
		name, inside := strings.CutPrefix(parts[len(parts)-1], l.prefix)
		if len(parts) <= skip || !inside {
			continue
		}
		switch {
		case kind == "?":
			l.addUntracked(name)
		case kind == "1" && strings.Contains(parts[0], "D"):
			l.differing[name] = item{path: name, state: absent}
		default:
			l.differing[name] = item{path: name, state: changed}
		}
	}
}

// addUntracked notes a file that git does not track, or a repository.
func (l *gitLister) addUntracked(name string) {
	if len(l.omit) > 0 && l.omit.has(filepath.Join(l.dir, filepath.FromSlash(name))) {
		return
	}
	if dir, is := strings.CutSuffix(name, "/"); is {
		l.nested = append(l.nested, nested{dir, true})
		return
	}
	l.more = append(l.more, item{path: name, state: changed, object: newFile})
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
			l.more = append(l.more, item{path: strings.TrimSuffix(name, "/"), state: closed})
		}
	}
}

// readIndex reads git ls-files -v --stage.
func (l *gitLister) readIndex(ctx context.Context, out string) error {
	if out == "" {
		return nil
	}
	l.items = make([]item, 0, strings.Count(out, "\x00"))
	for record := range records(out) {
		tag, object, name, ok := indexLine(record)
		if !ok {
			return fmt.Errorf("git ls-files in %s: unexpected line %q", l.dir, record)
		}
		at, differs := item{path: name}, false
		if len(l.differing) > 0 {
			if at, differs = l.differing[name]; !differs {
				at.path = name
			}
		}
		at.object = object
		switch {
		case strings.HasPrefix(object, modeSubmodule):
			delete(l.differing, name)
			l.addSubmodule(name, differs)
		case differs && (at.state == absent || tag == 'H' || tag == 'M'):
			l.differing[name] = at
		case tag == 'S' || tag >= 'a':
			delete(l.differing, name)
			onDisk, err := l.compare(ctx, name, object)
			if err != nil {
				return err
			}
			if onDisk != unchanged || !differs {
				at.state = onDisk
			}
			at.sparse = tag == 'S' && onDisk == absent && !differs
			l.items = append(l.items, at)
		default:
			at.state = unchanged
			l.items = append(l.items, at)
		}
	}
	return nil
}

// indexLine reads "TAG MODE ID STAGE<tab>PATH". The object is "MODE ID".
func indexLine(record string) (tag byte, object, name string, ok bool) {
	head, name, ok := strings.Cut(record, "\t")
	end := len(head) - len(" 0")
	if !ok || end < len("H 100644 ") || head[1] != ' ' || head[end] != ' ' || head[len("H 100644")] != ' ' {
		return 0, "", "", false
	}
	return head[0], head[2:end], name, true
}

// addSubmodule notes a submodule. One that is not checked out, or not where
// git has it but behind a symlink, lacks what HEAD says it has. What is in its
// place counts.
func (l *gitLister) addSubmodule(name string, differs bool) {
	full := filepath.Join(l.dir, filepath.FromSlash(name))
	info, err := os.Lstat(full)
	switch {
	case err != nil || !l.owns(name):
		l.more = append(l.more, item{path: name, state: absent})
		return
	case !info.IsDir():
		l.more = append(l.more, item{path: name, state: changed})
		return
	}
	if _, err := os.Lstat(filepath.Join(full, ".git")); err != nil {
		l.more = append(l.more, item{path: name, state: absent})
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
			answers, inside, err := r.ask(ctx)
			if err != nil {
				return err
			}
			if !inside || answers.prefix != "" {
				return fmt.Errorf("%s has a .git that git does not accept; repair or remove it", r.dir)
			}
			below, err := r.list(ctx, answers, l.omit)
			if err == nil {
				found[i] = below.items
			}
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
			l.more = append(l.more, below)
		}
	}
	return nil
}
