package layout

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// ErrCorrupt is wrapped by errors about an index.json that cannot be read as
// one.
var ErrCorrupt = errors.New("the store's index.json is damaged")

// catalog is index.json in memory: the entries by reference. It is never
// changed once made.
type catalog struct {
	index *ocispec.Index
	byRef map[string]ocispec.Descriptor
	// damage, if not nil, says why index.json could not be read. The entries are
	// then those from before its last change, as far as these can be read.
	damage error
}

// indexCache reads index.json when it has changed. The file is only ever
// replaced, so holding the open file keeps its inode from being used again:
// the same inode is the same content.
type indexCache struct {
	dir string

	mu     sync.Mutex
	file   *os.File
	info   fs.FileInfo
	latest *catalog
}

func (c *indexCache) path() string { return filepath.Join(c.dir, indexFile) }

// load returns what index.json says now, or said last when it is damaged.
func (c *indexCache) load() (*catalog, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := os.Stat(c.path())
	if errors.Is(err, fs.ErrNotExist) {
		return c.recover(fmt.Errorf("%w (%s is missing)", ErrCorrupt, c.path()))
	}
	if err != nil {
		return nil, err
	}
	if c.latest != nil && os.SameFile(now, c.info) && now.Size() == c.info.Size() && now.ModTime().Equal(c.info.ModTime()) {
		return c.latest, nil
	}
	return c.read()
}

func (c *indexCache) read() (*catalog, error) {
	f, err := os.Open(c.path())
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	latest, err := parseCatalog(data)
	if err != nil {
		latest, err = c.recover(fmt.Errorf("%w (%s: %w)", ErrCorrupt, c.path(), err))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	c.keep(f, info, latest)
	return latest, nil
}

// recover returns the entries from before the last change: none, when they
// cannot be read either.
func (c *indexCache) recover(damage error) (*catalog, error) {
	before := newCatalog(imageindex.New())
	data, err := os.ReadFile(filepath.Join(c.dir, previousFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if previous, err := parseCatalog(data); err == nil {
		before = previous
	}
	before.damage = damage
	return before, nil
}

func (c *indexCache) keep(f *os.File, info fs.FileInfo, latest *catalog) {
	if c.file != nil {
		_ = c.file.Close()
	}
	c.file, c.info, c.latest = f, info, latest
}

// wrote takes note of what this process has written, which so need not be read.
// If that is not there any more, it will be read.
func (c *indexCache) wrote(idx *ocispec.Index, written fs.FileInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := os.Open(c.path())
	if err != nil {
		return
	}
	info, err := f.Stat()
	if err != nil || !os.SameFile(info, written) || info.Size() != written.Size() || !info.ModTime().Equal(written.ModTime()) {
		_ = f.Close()
		return
	}
	c.keep(f, info, newCatalog(idx))
}

func (c *indexCache) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file, c.latest = nil, nil
	return err
}

func parseCatalog(data []byte) (*catalog, error) {
	idx, err := imageindex.Parse(data)
	if err != nil {
		return nil, err
	}
	return newCatalog(idx), nil
}

func newCatalog(idx *ocispec.Index) *catalog {
	c := &catalog{index: idx, byRef: make(map[string]ocispec.Descriptor, len(idx.Manifests))}
	for _, d := range idx.Manifests {
		ref := d.Annotations[ocispec.AnnotationRefName]
		if _, twice := c.byRef[ref]; ref != "" && !twice {
			c.byRef[ref] = d
		}
	}
	return c
}

// without returns the index without the entries for refs.
func (c *catalog) without(refs map[string]bool) *ocispec.Index {
	idx := *c.index
	idx.Manifests = slices.DeleteFunc(slices.Clone(idx.Manifests), func(d ocispec.Descriptor) bool {
		return refs[d.Annotations[ocispec.AnnotationRefName]]
	})
	return &idx
}

// refs returns the references of images, sorted: not those of entries that are
// about them.
func (c *catalog) refs() []string {
	refs := make([]string, 0, len(c.byRef))
	for ref := range c.byRef {
		if !isAbout(ref) {
			refs = append(refs, ref)
		}
	}
	slices.Sort(refs)
	return refs
}

// with returns the index with the entries of changed in place of those that
// it has for their references, sorted by reference.
func (c *catalog) with(changed map[string]ocispec.Descriptor) *ocispec.Index {
	idx := *c.index
	idx.Manifests = make([]ocispec.Descriptor, 0, len(c.index.Manifests)+len(changed))
	for _, d := range c.index.Manifests {
		if _, replaced := changed[refOf(d)]; !replaced {
			idx.Manifests = append(idx.Manifests, d)
		}
	}
	if !slices.IsSortedFunc(idx.Manifests, compareEntries) { // written by another program
		slices.SortStableFunc(idx.Manifests, compareEntries)
	}
	for _, d := range changed {
		at, _ := slices.BinarySearchFunc(idx.Manifests, d, compareEntries)
		idx.Manifests = slices.Insert(idx.Manifests, at, d)
	}
	return &idx
}

func compareEntries(a, b ocispec.Descriptor) int {
	return cmp.Or(cmp.Compare(refOf(a), refOf(b)), cmp.Compare(a.Digest, b.Digest))
}
