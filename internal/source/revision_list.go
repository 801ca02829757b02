package source

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// forest is what a commit has, with what is in submodules: a tree with trees
// grafted on.
type forest struct {
	top   *node
	nodes map[string]*node // by path
	// listing has the files, and submodules that cannot be looked into.
	listing *listing
}

// node is a path at a commit.
type node struct {
	path string // in the repository of the workspace; "" is the top
	mode fs.FileMode
	id   string // of the object; of a submodule its commit
	// object is "MODE ID", as in item.
	object string
	// from has the object; for a submodule, the objects in it.
	from     *objects
	children []*node // of a directory, sorted by name
	// lack says why a submodule cannot be looked into.
	lack error
	// vacant says that the work tree has an empty directory for it.
	vacant bool
}

// name is the last element of the path.
func (n *node) name() string { return path.Base(n.path) }

// lister lists one repository's part of a forest.
type lister struct {
	revision     *Revision
	from         *objects
	commit, tree string
	at           string // where it is grafted
	whole        bool   // not only what is below the directory that git runs in
}

// list lists a commit.
func (l lister) list(ctx context.Context) (*forest, error) {
	found, err := l.nodes(ctx)
	if err != nil {
		return nil, l.from.repo.noTree(ctx, l.revision.name, err)
	}
	f := &forest{nodes: make(map[string]*node, len(found)+1), listing: &listing{git: true}}
	f.top = &node{mode: fs.ModeDir | 0o555, id: l.tree, from: l.from}
	f.nodes[""] = f.top
	slices.SortFunc(found, func(a, b *node) int { return strings.Compare(a.path, b.path) })
	for _, n := range found {
		f.nodes[n.path] = n
		f.parentOf(n).children = append(f.parentOf(n).children, n)
		if !n.mode.IsDir() || n.lack != nil {
			f.listing.items = append(f.listing.items, item{path: n.path, state: unchanged})
		}
	}
	return f, nil
}

// parentOf is the directory that a node is in; its own comes before it.
func (f *forest) parentOf(n *node) *node {
	return cmp.Or(f.nodes[parent(n.path)], f.top)
}

// nodes asks git for the paths, and for those in submodules.
func (l lister) nodes(ctx context.Context) ([]*node, error) {
	args := []string{"ls-tree", "-r", "-t", "-z", "--full-name"}
	if l.whole {
		args = append(args, "--full-tree")
	}
	repo := l.from.repo
	out, err := repo.collect(ctx, repo.offline(ctx, append(args, l.commit)...))
	if err != nil {
		return nil, err
	}
	found := make([]*node, 0, strings.Count(out.stdout, "\x00"))
	var submodules []*node
	for record := range records(out.stdout) {
		if record == "" {
			continue // there is nothing at all
		}
		n, err := l.node(record)
		if err != nil {
			return nil, err
		}
		found = append(found, n)
		if n.from == nil {
			submodules = append(submodules, n)
		}
	}
	below, err := l.submodules(ctx, submodules)
	return append(found, below...), err
}

// node reads a line of git ls-tree: "MODE TYPE ID<tab>PATH". The node of a
// submodule has no objects yet.
func (l lister) node(record string) (*node, error) {
	head, name, ok := strings.Cut(record, "\t")
	parts := strings.Split(head, " ")
	if !ok || len(parts) != 3 {
		return nil, fmt.Errorf("git ls-tree in %s: unexpected line %q", l.from.repo.dir, record)
	}
	n := &node{path: join(l.at, name), id: parts[2], object: parts[0] + " " + parts[2], from: l.from}
	switch parts[0] {
	case "040000":
		n.mode = fs.ModeDir | 0o555
	case "120000":
		n.mode = fs.ModeSymlink | 0o777
	case modeSubmodule:
		n.mode, n.from = fs.ModeDir|0o555, nil
	case "100755":
		n.mode = 0o555
	default: // 100644, and 100664 in old repositories
		n.mode = 0o444
	}
	return n, nil
}

// submodules lists what is in submodules.
func (l lister) submodules(ctx context.Context, list []*node) ([]*node, error) {
	found := make([][]*node, len(list))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, n := range list {
		group.Go(func() error {
			found[i] = l.submodule(groupCtx, n)
			return groupCtx.Err()
		})
	}
	err := group.Wait()
	return slices.Concat(found...), err
}

// submodule lists what is in a submodule, or says in its node why that cannot
// be.
func (l lister) submodule(ctx context.Context, n *node) []*node {
	dir := filepath.Join(l.revision.top, filepath.FromSlash(n.path))
	repo := &repository{dir}
	n.from = l.revision.objectsOf(repo)
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
		n.lack = fmt.Errorf("the submodule %s is not checked out, and %s needs its commit %s; run \"git submodule update --init %s\"",
			n.path, l.revision.name, n.id, n.path)
		content, err := os.ReadDir(dir)
		n.vacant = err == nil && len(content) == 0
		return nil
	}
	inside := lister{revision: l.revision, from: n.from, commit: n.id, at: n.path, whole: true}
	found, err := inside.nodes(ctx)
	if err != nil {
		n.lack = fmt.Errorf("the submodule %s does not have the commit %s that it had at %s; run \"git -C %s fetch origin %s\": %w",
			n.path, n.id, l.revision.name, n.path, n.id, err)
		return nil
	}
	return found
}
