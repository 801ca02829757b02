package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/stowage-build/stowage/planner"
)

// blobs remembers the sha256 of blobs by their object ids.
type blobs struct {
	mu    sync.Mutex
	known map[string]blob
}

// blob is the content of a file as git stores it.
type blob struct {
	size   int64
	digest string // lower-case hex sha256
}

func (b *blobs) get(id string) (blob, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	content, ok := b.known[id]
	return content, ok
}

func (b *blobs) add(id string, content blob) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[string]blob{}
	}
	b.known[id] = content
}

// examine looks at entries at the commit. What must be read is asked for at
// once for each repository.
func (r *Revision) examine(ctx context.Context, entries []entry) error {
	wanted := map[*objects][]wantedEntry{}
	for i := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.examineEntry(ctx, &entries[i])
		if err != nil {
			return err
		}
		if n != nil {
			wanted[n.from] = append(wanted[n.from], wantedEntry{n, &entries[i]})
		}
	}
	for from, list := range wanted {
		if err := r.readEntries(ctx, from, list); err != nil {
			return err
		}
	}
	return nil
}

// wantedEntry is an entry whose object is to be read.
type wantedEntry struct {
	*node
	entry *entry
}

// examineEntry says what an entry is, and returns its node if only its content
// can tell all of it.
func (r *Revision) examineEntry(ctx context.Context, e *entry) (*node, error) {
	if err := checkName(e); err != nil {
		return nil, err
	}
	at := r.inRepository(e.rel)
	if isOutside(at) {
		return nil, r.tree.readEntry(ctx, e)
	}
	e.Origin = r.commit + ":" + at
	if e.Type == planner.FileDirectory {
		return nil, nil
	}
	n, err := r.node(ctx, at)
	if err != nil {
		return nil, err
	}
	if n.lack != nil {
		return nil, n.lack
	}
	if done, err := r.examineTwin(ctx, n, e); done || err != nil {
		return nil, err
	}
	switch {
	case n.mode&fs.ModeSymlink != 0:
		return n, nil
	case n.mode&0o100 != 0:
		e.Type = planner.FileExecutable
	default:
		e.Type = planner.FileRegular
	}
	content, known := r.tree.blobs.get(n.id)
	if !known {
		return n, nil
	}
	e.Size, e.Digest = content.size, content.digest
	return nil, nil
}

// examineTwin takes an entry from the work tree, if it is there as it is at
// the commit.
func (r *Revision) examineTwin(ctx context.Context, n *node, e *entry) (bool, error) {
	if twin, err := r.hasTwin(ctx, n); !twin || err != nil {
		return false, err
	}
	onDisk := entry{File: planner.File{Path: e.Path}, rel: e.rel, object: n.object, indexed: n.object[:len(modeRegular)]}
	if err := r.tree.readEntry(ctx, &onDisk); err != nil || onDisk.gone || onDisk.late {
		return false, ctx.Err() // it has changed since git looked
	}
	onDisk.Origin = e.Origin
	*e = onDisk
	return true, nil
}

// readEntries reads the objects of entries, all of one repository.
func (r *Revision) readEntries(ctx context.Context, from *objects, list []wantedEntry) error {
	nodes := make([]*node, len(list))
	for i, w := range list {
		nodes[i] = w.node
	}
	return r.each(ctx, from, nodes, func(i int, size int64, content io.Reader) error {
		e := list[i].entry
		if list[i].mode&fs.ModeSymlink != 0 {
			link, err := io.ReadAll(content)
			if err != nil {
				return err
			}
			return setLink(e, string(link))
		}
		h := sha256.New()
		if _, err := io.CopyN(h, content, size); err != nil {
			return err
		}
		e.Size, e.Digest = size, hex.EncodeToString(h.Sum(nil))
		r.tree.blobs.add(list[i].id, blob{e.Size, e.Digest})
		return nil
	})
}

// each reads the objects of nodes, all of one repository.
func (r *Revision) each(ctx context.Context, from *objects, nodes []*node, visit func(i int, size int64, content io.Reader) error) error {
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.id
	}
	err := from.each(ctx, ids, func(i int, o object) error { return visit(i, o.size, o.content) })
	var lost *lostObject
	if errors.As(err, &lost) {
		return from.repo.noContent(ctx, nodes[lost.index].path, r.name, lost)
	}
	return err
}

// hasTwin reports whether git says that the work tree has a file as it is at
// the commit.
func (r *Revision) hasTwin(ctx context.Context, n *node) (bool, error) {
	name := r.inWorkspace(n.path)
	if isOutside(name) {
		return false, nil
	}
	l, _, err := r.tree.listing(ctx, ".")
	if err != nil {
		return false, err
	}
	i, found := l.unchanged(name)
	return found && i.object == n.object, nil
}

// openTwin opens a regular file of the work tree, nil if it is not there as it
// is at the commit.
func (r *Revision) openTwin(ctx context.Context, n *node) *os.File {
	if !n.mode.IsRegular() {
		return nil
	}
	if twin, err := r.hasTwin(ctx, n); !twin || err != nil {
		return nil
	}
	f, err := openRegular(r.tree.at(r.inWorkspace(n.path)))
	if err != nil {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil
	}
	return f
}
