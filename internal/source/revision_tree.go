package source

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

var _ planner.Trees = (*Revision)(nil)

// TreeID returns the id of a directory's tree at the commit, as if Stowage's
// configuration files were not in it, nor directories that have nothing else.
// For several directories, or files, it is the SHA-1 of their ids in hex, one
// after the other. A symlink to a directory stands for that directory.
func (r *Revision) TreeID(ctx context.Context, dirs []string) (string, error) {
	var ids []string
	for _, dir := range dirs {
		n, err := r.treeAt(ctx, dir)
		if err != nil {
			return "", err
		}
		id, _ := n.withoutConfig()
		ids = append(ids, id)
	}
	if len(ids) == 1 {
		return ids[0], nil
	}
	sum := sha1.Sum([]byte(strings.Join(ids, "")))
	return hex.EncodeToString(sum[:]), nil
}

// treeAt returns a directory of the workspace with all that is in it.
func (r *Revision) treeAt(ctx context.Context, dir string) (*node, error) {
	at, err := r.locate(ctx, dir, "directory")
	if err != nil {
		return nil, err
	}
	name := r.inRepository(at.rel)
	if isOutside(name) {
		return nil, mistake("%s is outside the repository, so there is no git tree of it", dir)
	}
	f, err := r.forest(ctx, name)
	if err != nil {
		return nil, err
	}
	if n := f.nodes[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("there is no directory %s at %s: %w", dir, r.name, fs.ErrNotExist)
}

// withoutConfig is the id that the node would have without configuration files
// below it, and whether there are any.
func (n *node) withoutConfig() (id string, changed bool) {
	if !n.mode.IsDir() || strings.HasPrefix(n.object, modeSubmodule) {
		return n.id, false
	}
	var kept []treeEntry
	for _, c := range n.children {
		if !c.mode.IsDir() && schema.IsConfigFile(c.name()) {
			changed = true
			continue
		}
		id, differs := c.withoutConfig()
		changed = changed || differs
		if differs && id == emptyTree(id) {
			continue
		}
		kept = append(kept, treeEntry{strings.TrimLeft(c.object[:6], "0"), c.name(), id})
	}
	if !changed {
		return n.id, false
	}
	return treeObject(kept, len(n.id)), true
}

// treeEntry is an entry of a tree object.
type treeEntry struct{ mode, name, id string }

// sortKey orders entries: directories as if their names ended in a slash.
func (e treeEntry) sortKey() string {
	if e.mode == "40000" {
		return e.name + "/"
	}
	return e.name
}

// treeObject is the id of a tree object, of so many hex digits: "MODE
// NAME<nul>ID" for each entry, the id in bytes.
func treeObject(entries []treeEntry, digits int) string {
	slices.SortFunc(entries, func(a, b treeEntry) int { return cmp.Compare(a.sortKey(), b.sortKey()) })
	var content strings.Builder
	for _, e := range entries {
		id, _ := hex.DecodeString(e.id) // git wrote it
		fmt.Fprintf(&content, "%s %s\x00%s", e.mode, e.name, id)
	}
	h := newObjectHash(digits)
	fmt.Fprintf(h, "tree %d\x00%s", content.Len(), content.String())
	return hex.EncodeToString(h.Sum(nil))
}

// emptyTree is the id of a tree with nothing in it, as long as id.
func emptyTree(id string) string { return treeObject(nil, len(id)) }
