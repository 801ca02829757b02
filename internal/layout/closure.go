package layout

import (
	"encoding/json"
	"io"
	"os"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxManifest bounds what is read to see what it refers to, in bytes.
// Registries accept manifests of 4 MB.
const maxManifest = 64 << 20

// closures follows references from blob to blob. What a sound blob refers to
// never changes, so each is read once.
type closures struct {
	content  *contentStore
	children map[digest.Digest][]child
	// damage says that something was missing or garbled, which may be written
	// again and then refer to more.
	damage bool
}

// reach is a set of blobs. It is true of those that were followed, so that all
// that they refer to is in the set too.
type reach map[digest.Digest]bool

// leaf adds content of which nothing more is to be followed.
func (r reach) leaf(d digest.Digest) {
	if _, there := r[d]; !there {
		r[d] = false
	}
}

func (r reach) has(dgst digest.Digest) bool {
	_, ok := r[dgst]
	return ok
}

// child is a blob that another refers to. A leaf refers to nothing itself.
type child struct {
	digest digest.Digest
	leaf   bool
}

func newClosures(c *contentStore) *closures {
	return &closures{content: c, children: map[digest.Digest][]child{}}
}

// add adds root, and everything that can be reached from it, to set. What is
// missing or garbled is in it, and nothing beyond. A subject is not reached:
// artifacts are there for it, not the other way round.
func (c *closures) add(set reach, root digest.Digest) error {
	todo := []digest.Digest{root}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if set[at] {
			continue
		}
		set[at] = true
		children, err := c.of(at)
		if err != nil {
			return err
		}
		for _, ch := range children {
			if ch.leaf {
				set.leaf(ch.digest)
			} else {
				todo = append(todo, ch.digest)
			}
		}
	}
	return nil
}

// of returns what an index or manifest refers to.
func (c *closures) of(dgst digest.Digest) ([]child, error) {
	if known, ok := c.children[dgst]; ok {
		return known, nil
	}
	data, err := c.read(dgst)
	if damaged(err) {
		c.damage = true
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc struct {
		Manifests []ocispec.Descriptor
		Config    *ocispec.Descriptor
		Layers    []ocispec.Descriptor
	}
	var found []child
	if json.Unmarshal(data, &doc) == nil {
		for _, d := range doc.Manifests {
			found = append(found, child{d.Digest, false})
		}
		if doc.Config != nil {
			doc.Layers = append(doc.Layers, *doc.Config)
		}
		for _, d := range doc.Layers {
			found = append(found, child{d.Digest, true})
		}
	}
	if digest.FromBytes(data) != dgst {
		c.damage = true
		return found, nil
	}
	c.children[dgst] = found
	return found, nil
}

// read returns a blob, or nothing when it is too large for a manifest. One
// that is not what its name says may still be right about what it refers to:
// its content is not checked, and keeps too much at worst.
func (c *closures) read(dgst digest.Digest) ([]byte, error) {
	if _, err := c.content.path(dgst); err != nil {
		return nil, nil // nothing of the store's
	}
	ra, err := c.content.open(dgst)
	if err != nil {
		return nil, err
	}
	defer ra.Close()
	if ra.Size() > maxManifest {
		return []byte{}, nil
	}
	return io.ReadAll(ra.File)
}

// size is how much space the blob takes on disk, 0 when it is not there.
func (c *closures) size(dgst digest.Digest) int64 {
	path, err := c.content.path(dgst)
	if err != nil {
		return 0
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
