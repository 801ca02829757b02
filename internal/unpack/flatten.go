package unpack

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Whiteouts, as the OCI image specification has them (layer.md): a file that
// is not there in layers below, and a directory of which nothing below is.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// Tar writes the files of an image, all layers applied, below prefix ("" or a
// path that ends in a slash). The same image gives the same bytes. w is not
// ended: several images may go into one archive.
func Tar(ctx context.Context, w *tar.Writer, store content.Provider, manifest ocispec.Descriptor, prefix string) error {
	blob, err := content.ReadBlob(ctx, store, manifest)
	if err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	var image ocispec.Manifest
	if err := json.Unmarshal(blob, &image); err != nil {
		return fmt.Errorf("read the image: %w", err)
	}
	f := &flattening{ctx: ctx, store: store, layers: image.Layers, out: w, prefix: prefix, visible: map[string]source{}}
	if err := f.survey(); err != nil {
		return err
	}
	f.findLost()
	return f.write()
}

// flattening applies layers on paper: what is visible in the end is found out
// from the tables of contents, then written layer by layer from the bottom up,
// so that hard links come after what they point at.
type flattening struct {
	ctx    context.Context
	store  content.Provider
	layers []ocispec.Descriptor
	out    *tar.Writer
	prefix string

	entries []map[string]entry // by layer and path
	visible map[string]source
	// lost are visible hard links to files that are not: each is written with
	// the content that it has.
	lost map[source][]*tar.Header
}

// shows reports whether what is visible under a name is that entry.
func (f *flattening) shows(name string, at source) bool {
	visible, ok := f.visible[name]
	return ok && visible == at
}

// source is where an entry stands: in a layer, counted from its beginning.
type source struct{ layer, index int }

type entry struct {
	index  int
	header *tar.Header
}

// each reads a layer's entries in order. Their names are clean and relative.
func (f *flattening) each(layer int, do func(index int, h *tar.Header, content io.Reader) error) error {
	desc := f.layers[layer]
	at, err := f.store.ReaderAt(f.ctx, desc)
	if err != nil {
		return fmt.Errorf("read layer %s: %w", desc.Digest, err)
	}
	defer at.Close()
	plain, err := compression.DecompressStream(content.NewReader(at))
	if err != nil {
		return fmt.Errorf("read layer %s: %w", desc.Digest, err)
	}
	defer plain.Close()
	t := tar.NewReader(plain)
	for index := 0; ; index++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = f.ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("read layer %s: %w", desc.Digest, err)
		}
		h.Name = clean(h.Name)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = clean(h.Linkname)
		}
		if h.Name == "" {
			continue
		}
		if err := do(index, h, t); err != nil {
			return err
		}
	}
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// survey finds what is visible, from the top layer down.
func (f *flattening) survey() error {
	f.entries = make([]map[string]entry, len(f.layers))
	hidden := hiding{gone: map[string]bool{}, below: map[string]bool{}}
	for layer := len(f.layers) - 1; layer >= 0; layer-- {
		here := map[string]entry{}
		next := hiding{gone: map[string]bool{}, below: map[string]bool{}}
		err := f.each(layer, func(index int, h *tar.Header, _ io.Reader) error {
			dir, base := path.Split(h.Name)
			switch {
			case base == opaque:
				next.below[strings.TrimSuffix(dir, "/")] = true
			case strings.HasPrefix(base, whiteout):
				next.gone[dir+strings.TrimPrefix(base, whiteout)] = true
			default:
				here[h.Name] = entry{index, h}
			}
			return nil
		})
		if err != nil {
			return err
		}
		f.entries[layer] = here
		for name, e := range here {
			if _, above := f.visible[name]; above || hidden.has(name) {
				continue
			}
			f.visible[name] = source{layer, e.index}
			if e.header.Typeflag != tar.TypeDir {
				next.below[name] = true
			}
		}
		hidden.add(next)
	}
	return nil
}

// hiding is what layers above hide: paths with all below them, and what is
// below directories.
type hiding struct{ gone, below map[string]bool }

func (h hiding) has(name string) bool {
	if h.gone[name] || h.below[""] {
		return true
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if h.gone[dir] || h.below[dir] {
			return true
		}
	}
	return false
}

func (h hiding) add(more hiding) {
	for name := range more.gone {
		h.gone[name] = true
	}
	for name := range more.below {
		h.below[name] = true
	}
}

// findLost finds hard links whose other names a layer above has taken away.
func (f *flattening) findLost() {
	f.lost = map[source][]*tar.Header{}
	for layer, entries := range f.entries {
		for name, e := range entries {
			if e.header.Typeflag != tar.TypeLink || !f.shows(name, source{layer, e.index}) {
				continue
			}
			at, target, ok := f.target(layer, e.header.Linkname)
			if !ok {
				continue
			}
			e.header.Linkname = target
			if !f.shows(target, at) {
				f.lost[at] = append(f.lost[at], e.header)
			}
		}
	}
}

// target is the file that a hard link of a layer is of.
func (f *flattening) target(layer int, name string) (source, string, bool) {
	for steps := 0; layer >= 0 && steps < len(f.layers)+maxLinks; steps++ {
		e, ok := f.entries[layer][name]
		switch {
		case !ok:
			layer--
		case e.header.Typeflag == tar.TypeLink && e.header.Linkname != name:
			name = e.header.Linkname
		default:
			return source{layer, e.index}, name, true
		}
	}
	return source{}, "", false
}

// maxLinks bounds hard links to hard links, which no builder writes.
const maxLinks = 100

// write writes what is visible.
func (f *flattening) write() error {
	for layer := range f.layers {
		err := f.each(layer, func(index int, h *tar.Header, content io.Reader) error {
			at := source{layer, index}
			e, known := f.entries[layer][h.Name]
			if !known || e.index != index {
				return nil // a whiteout, or written again later in the layer
			}
			if links := f.lost[at]; len(links) > 0 {
				return f.writeLost(links, h, content)
			}
			if !f.shows(h.Name, at) {
				return nil
			}
			if h.Typeflag == tar.TypeLink {
				if origin, _, ok := f.target(layer, e.header.Linkname); !ok || !f.shows(e.header.Linkname, origin) {
					return nil // written with its content
				}
				h.Linkname = f.prefix + e.header.Linkname
			}
			return f.add(h, content)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeLost writes a file that has lost its name under those that are left.
func (f *flattening) writeLost(links []*tar.Header, h *tar.Header, content io.Reader) error {
	slices.SortFunc(links, func(a, b *tar.Header) int { return strings.Compare(a.Name, b.Name) })
	first, name := *h, links[0].Name
	first.Name = name
	if err := f.add(&first, content); err != nil {
		return err
	}
	for _, l := range links[1:] {
		more := *l
		more.Linkname = f.prefix + name
		if err := f.add(&more, nil); err != nil {
			return err
		}
	}
	return nil
}

func (f *flattening) add(h *tar.Header, content io.Reader) error {
	out := *h
	out.Name = f.prefix + h.Name
	if h.Typeflag == tar.TypeDir {
		out.Name += "/"
	}
	if err := f.out.WriteHeader(&out); err != nil {
		return fmt.Errorf("write %s: %w", h.Name, err)
	}
	if h.Typeflag == tar.TypeReg {
		if _, err := io.Copy(f.out, content); err != nil {
			return fmt.Errorf("write %s: %w", h.Name, err)
		}
	}
	return nil
}
