package layout

import (
	"cmp"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// selection is what to remove from index.json.
type selection struct {
	refs   map[string]bool // of images, and of lists of artifacts
	images []CollectedImage
	inUse  []string
}

// stored is an image in index.json.
type stored struct {
	ref   string
	desc  ocispec.Descriptor
	used  time.Time
	blobs reach  // with those of the artifacts about it
	kept  bool   // by KeepLast
	why   string // it is removed
}

// policy applies CollectOptions to the images of an index.json.
type policy struct {
	opts   CollectOptions
	inUse  *inUse
	images []*stored
	// held are images that somebody uses, although a limit is against them.
	held map[string]bool
}

// selectFrom chooses what to remove from current.
func (c *collector) selectFrom(current *catalog, used *inUse) (*selection, error) {
	p := &policy{opts: c.opts, inUse: used, held: map[string]bool{}}
	var err error
	if p.images, err = c.images(current); err != nil {
		return nil, err
	}
	p.keepLast()
	p.byAge()
	if c.opts.MaxSize > 0 {
		if err := p.bySize(c, current); err != nil {
			return nil, err
		}
	}
	s := &selection{refs: map[string]bool{}}
	for _, image := range p.images {
		if image.why != "" {
			s.refs[image.ref] = true
			s.images = append(s.images, CollectedImage{Ref: image.ref, Digest: image.desc.Digest, Why: image.why, Used: image.used})
		}
		if p.held[image.ref] {
			s.inUse = append(s.inUse, image.ref)
		}
	}
	return s, c.orphans(current, used, s)
}

// images are the entries of current that may be removed, by reference.
func (c *collector) images(current *catalog) ([]*stored, error) {
	var all []*stored
	for _, ref := range current.refs() {
		desc := current.byRef[ref]
		image := &stored{ref: ref, desc: desc, blobs: reach{}}
		if info, err := c.store.content.stat(desc.Digest); err == nil {
			image.used = info.ModTime()
		}
		if err := c.closures.add(image.blobs, desc.Digest); err != nil {
			return nil, err
		}
		if list, ok := current.byRef[referrersRef(ref, desc)]; ok {
			if err := c.closures.add(image.blobs, list.Digest); err != nil {
				return nil, err
			}
		}
		all = append(all, image)
	}
	return all, nil
}

// latestFirst sorts a copy of the images by use.
func latestFirst(images []*stored) []*stored {
	images = slices.Clone(images)
	slices.SortFunc(images, func(a, b *stored) int {
		return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.ref, b.ref))
	})
	return images
}

func (p *policy) keepLast() {
	count := map[string]int{}
	for _, image := range latestFirst(p.images) {
		repository := repositoryOf(image.ref)
		count[repository]++
		image.kept = count[repository] <= p.opts.KeepLast
		if !image.kept && p.opts.KeepLast > 0 && p.opts.OlderThan == 0 && p.opts.MaxSize == 0 {
			p.remove(image, WhyCount)
		}
	}
}

func (p *policy) byAge() {
	for _, image := range p.images {
		if p.opts.OlderThan > 0 && p.opts.Now.Sub(image.used) > p.opts.OlderThan {
			p.remove(image, WhyAge)
		}
	}
}

// remove reports whether the image may be removed.
func (p *policy) remove(image *stored, why string) bool {
	switch {
	case image.kept || image.why != "":
		return false
	case p.inUse.refs[image.ref]:
		p.held[image.ref] = true
		return false
	}
	image.why = why
	return true
}

// bySize removes images until the rest is small enough. A blob goes when the
// last image that needs it does, and nobody uses it.
func (p *policy) bySize(c *collector, current *catalog) error {
	references, err := p.references(c, current)
	if err != nil {
		return err
	}
	var total int64
	sizes := map[digest.Digest]int64{}
	for dgst, n := range references {
		if n > 0 {
			sizes[dgst] = c.closures.size(dgst)
			total += sizes[dgst]
		}
	}
	for _, image := range slices.Backward(latestFirst(p.images)) {
		if total <= p.opts.MaxSize {
			return nil
		}
		if !p.remove(image, WhySize) {
			continue
		}
		for dgst := range image.blobs {
			if references[dgst]--; references[dgst] == 0 {
				total -= sizes[dgst]
			}
		}
	}
	return nil
}

// references counts the images that need a blob, and other reasons for it to
// be there as one more.
func (p *policy) references(c *collector, current *catalog) (map[digest.Digest]int, error) {
	references := map[digest.Digest]int{}
	counted := map[string]bool{}
	for _, image := range p.images {
		counted[image.ref], counted[referrersRef(image.ref, image.desc)] = true, true
		if image.why == "" {
			for dgst := range image.blobs {
				references[dgst]++
			}
		}
	}
	other := reach{}
	for dgst := range p.inUse.blobs {
		other.leaf(dgst)
	}
	for dgst := range p.inUse.images {
		if err := c.closures.add(other, dgst); err != nil {
			return nil, err
		}
	}
	for _, desc := range current.index.Manifests {
		if ref := refOf(desc); counted[ref] || isAbout(ref) {
			continue // what is about nothing goes, and what is about parts of images is small
		}
		if err := c.closures.add(other, desc.Digest); err != nil {
			return nil, err
		}
	}
	for dgst := range other {
		references[dgst]++
	}
	return references, nil
}

// orphans adds the lists of artifacts whose subject is not in what stays of
// current, and the records of resolved hashes whose image is not.
func (c *collector) orphans(current *catalog, used *inUse, s *selection) error {
	stays := reach{}
	for _, desc := range current.index.Manifests {
		ref := refOf(desc)
		if s.refs[ref] || isAbout(ref) {
			continue
		}
		if err := c.closures.add(stays, desc.Digest); err != nil {
			return err
		}
	}
	for dgst := range used.images {
		if err := c.closures.add(stays, dgst); err != nil {
			return err
		}
	}
	for ref, desc := range current.byRef {
		if !isAbout(ref) || used.refs[ref] {
			continue
		}
		whole, err := c.hasAll(stays, ref, desc.Digest)
		if err != nil {
			return err
		}
		if !whole {
			s.refs[ref] = true
		}
	}
	return nil
}

// hasAll reports whether stays has what the entry ref is about.
func (c *collector) hasAll(stays reach, ref string, dgst digest.Digest) (bool, error) {
	if subject := subjectOf(ref); subject != "" {
		return stays.has(subject), nil
	}
	children, err := c.closures.of(dgst)
	if err != nil {
		return false, err
	}
	lost := slices.ContainsFunc(children, func(ch child) bool { return !stays.has(ch.digest) })
	return len(children) > 0 && !lost, nil
}
