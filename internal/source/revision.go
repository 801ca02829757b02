package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// Revision is the workspace as it was at a commit. It implements
// planner.Sources and schema.Git, and is read from git's objects alone: the
// work tree is not touched, nothing is checked out and nothing is downloaded.
// It is safe for concurrent use. Close it after use.
//
// A file that the work tree has as the commit does, by git's own judgement, is
// read from there: so git's conversions (line ends, git-lfs) make no
// difference between the two. Files that differ are read as they are stored.
//
// Paths outside the repository have no history: they are read from disk, as
// Tree does.
type Revision struct {
	tree   *Tree
	ctx    context.Context // for what is asked without one: io/fs and schema.Git
	name   string          // as it was asked for
	commit string
	top    string // the directory of the repository's work tree
	prefix string // of the workspace in it, "" when it is the top
	near   *forest
	far    lazy[*forest] // all of the commit, for what is outside of the workspace

	sets memo[*planner.SourceSet]

	mu     sync.Mutex
	opened []*objects
	closed bool
}

var (
	_ planner.Sources = (*Revision)(nil)
	_ schema.Git      = (*Revision)(nil)
	_ origin          = (*Revision)(nil)
)

// At returns the workspace as it was at a revision (gitrevisions(7)) that has
// one commit. That the revision has no workspace there is no error: the file
// system is empty then. An error says what to fetch when a shallow or partial
// clone lacks it.
func (t *Tree) At(ctx context.Context, rev string) (*Revision, error) {
	if t.git == nil {
		return nil, fmt.Errorf("read revision %s: %w", rev, errNoGit)
	}
	prefix, inside, err := t.git.place(ctx)
	if err == nil && !inside {
		err = errNoGit
	}
	if err != nil {
		return nil, fmt.Errorf("read revision %s: %w", rev, err)
	}
	r := &Revision{tree: t, ctx: ctx, name: rev, prefix: strings.TrimSuffix(prefix, "/")}
	r.top = filepath.Join(t.root, strings.Repeat("../", strings.Count(prefix, "/")))
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// open finds the commit and lists it.
func (r *Revision) open(ctx context.Context) error {
	id, err := r.tree.git.parse(ctx, r.name)
	if err != nil {
		return err
	}
	from := r.objectsOf(r.tree.git)
	commit, tree, err := from.commit(ctx, id)
	if err != nil {
		return r.tree.git.noCommit(ctx, r.name, id, err)
	}
	r.commit = commit
	l := lister{revision: r, from: from, commit: commit, tree: tree}
	r.near, err = l.list(ctx)
	return err
}

// forest returns a listing that has all that is below a directory of the
// repository.
func (r *Revision) forest(ctx context.Context, dir string) (*forest, error) {
	if r.prefix == "" || contains(r.prefix, dir) {
		return r.near, nil
	}
	return r.far.get(ctx, func(ctx context.Context) (*forest, error) {
		l := lister{revision: r, from: r.near.top.from, commit: r.commit, tree: r.near.top.id, whole: true}
		return l.list(ctx)
	})
}

// node returns what is at a path of the repository, symlinks not followed.
func (r *Revision) node(ctx context.Context, name string) (*node, error) {
	f := r.near
	if name != "" && !contains(name, r.prefix) { // the workspace's parents are near
		var err error
		if f, err = r.forest(ctx, name); err != nil {
			return nil, err
		}
	}
	if n := f.nodes[name]; n != nil {
		return n, nil
	}
	return nil, fs.ErrNotExist
}

// objectsOf returns a reader of a repository's objects, which Close ends.
func (r *Revision) objectsOf(repo *repository) *objects {
	o := &objects{repo: repo}
	r.mu.Lock()
	defer r.mu.Unlock()
	o.closed = r.closed
	r.opened = append(r.opened, o)
	return o
}

// Commit is the commit's object id.
func (r *Revision) Commit() (string, error) { return r.commit, nil }

// Describe names the commit by the nearest tag, or by its abbreviated id.
func (r *Revision) Describe() (string, error) {
	return r.tree.ask("describe", "--tags", "--always", r.commit)
}

// Tree is the object id of the tree at a root-relative path.
func (r *Revision) Tree(name string) (string, error) {
	at := r.inRepository(name)
	if isOutside(at) {
		return "", fmt.Errorf("%s is outside the repository", name)
	}
	n, err := r.node(r.ctx, at)
	if errors.Is(err, fs.ErrNotExist) || err == nil && n.from != r.near.top.from && !strings.HasPrefix(n.object, modeSubmodule) {
		return "", fmt.Errorf("there is no %s at %s", name, r.name)
	}
	if err != nil {
		return "", err
	}
	return n.id, nil
}

// Dockerfile returns the bytes of the Dockerfile at contextDir/name, as
// Tree.Dockerfile does.
func (r *Revision) Dockerfile(ctx context.Context, contextDir, name string) ([]byte, error) {
	return readDockerfile(ctx, r, contextDir, name)
}

// Set returns the files of a context, as Tree.Set does for a work tree in
// which the commit is checked out. It is never dirty. The Origin of a file is
// COMMIT:PATH, as git show takes it. A submodule that is in the set must be
// checked out, at whatever commit.
func (r *Revision) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	return r.sets.get(ctx, specKey(spec), func(ctx context.Context) (*planner.SourceSet, error) {
		set, err := assembly{origin: r, shared: r.tree.shared}.set(ctx, spec)
		if err != nil {
			return nil, err
		}
		set.Dirty = false // what is outside of the repository may be anything
		return set, nil
	})
}

// Close ends the processes that read objects.
func (r *Revision) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	var errs []error
	for _, o := range r.opened {
		errs = append(errs, o.close())
	}
	r.opened = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close revision %s: %w", r.name, err)
	}
	return nil
}

// inRepository turns a root-relative path into one of the repository: "" is
// the top, and one that starts with ".." is outside.
func (r *Revision) inRepository(rel string) string {
	if name := path.Join(r.prefix, rel); name != "." {
		return name
	}
	return ""
}

// inWorkspace is the reverse of inRepository.
func (r *Revision) inWorkspace(name string) string {
	switch {
	case r.prefix == name:
		return "."
	case r.prefix == "":
		return name
	case contains(r.prefix, name):
		return name[len(r.prefix)+1:]
	}
	up := strings.Repeat("../", strings.Count(r.prefix, "/")+1)
	return path.Join(up, name)
}

// locate follows the symlinks of a path at the commit, and on disk once they
// lead out of the repository.
func (r *Revision) locate(ctx context.Context, name, what string) (located, error) {
	at := r.inRepository(name)
	if isOutside(at) {
		return r.tree.locate(ctx, name, what)
	}
	found, err := r.follow(ctx, route{todo: at, last: true})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return located{}, fmt.Errorf("there is no %s %s at %s: %w", what, name, r.name, fs.ErrNotExist)
	case err != nil:
		return located{}, fmt.Errorf("read %s %s at %s: %w", what, name, r.name, err)
	case found.node == nil:
		return r.tree.locateOnDisk(found.outside, name, what)
	}
	return located{r.inWorkspace(found.node.path), found.node.mode.Type()}, nil
}

// direct leaves it to locate and content: nothing is gained in memory.
func (r *Revision) direct(context.Context, string) ([]byte, bool, error) { return nil, false, nil }

// content reads a file at the commit.
func (r *Revision) content(ctx context.Context, rel string) ([]byte, error) {
	at := r.inRepository(rel)
	if isOutside(at) {
		return r.tree.content(ctx, rel)
	}
	n, err := r.node(ctx, at)
	if err != nil {
		return nil, fmt.Errorf("read %s at %s: %w", rel, r.name, err)
	}
	return r.load(ctx, n)
}

// differs: nothing does.
func (r *Revision) differs(context.Context, string) (bool, error) { return false, nil }

// indexed is of no use: a commit has nothing but git's own modes.
func (r *Revision) indexed(context.Context, string) (string, error) { return "", nil }

// files lists a directory at the commit.
func (r *Revision) files(ctx context.Context, dir string, prune func(dir string) bool) (found, error) {
	at := r.inRepository(dir)
	if isOutside(at) {
		return r.tree.files(ctx, dir, prune)
	}
	n, err := r.node(ctx, at)
	if err != nil {
		return found{}, fmt.Errorf("list %s at %s: %w", dir, r.name, err)
	}
	if n.lack != nil {
		return found{}, n.lack
	}
	f, err := r.forest(ctx, at)
	if err != nil {
		return found{}, err
	}
	if at == "" {
		at = "."
	}
	items, prefix := f.listing.below(at)
	return found{items: items, prefix: prefix}, nil
}

// load reads a file or the target of a symlink, as the work tree has it if the
// work tree has it.
func (r *Revision) load(ctx context.Context, n *node) (content []byte, err error) {
	if f := r.openTwin(ctx, n); f != nil {
		defer f.Close()
		if content, err = io.ReadAll(f); err == nil {
			return content, nil
		}
	}
	return r.stored(ctx, n)
}

// stored reads a file or the target of a symlink as it is in the repository.
func (r *Revision) stored(ctx context.Context, n *node) (content []byte, err error) {
	err = r.each(ctx, n.from, []*node{n}, func(_ int, _ int64, from io.Reader) error {
		content, err = io.ReadAll(from)
		return err
	})
	return content, err
}
