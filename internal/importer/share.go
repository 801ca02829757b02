package importer

import (
	"slices"
	"strings"
)

// shareDefaults moves what the packages of a document have in common into a
// defaults block: what most of those say that all say something about. Their
// own values go before it.
func (d *document) shareDefaults() {
	var shared []*node
	for _, n := range d.blocks[0].children {
		switch name := n.name(); {
		case name == "image" || name == "tag" || name == "context" || name == "cache_mode" || name == "for_each" || name == "extra_tags":
		case n.isMap:
			if m := d.shareEntries(n); m != nil {
				shared = append(shared, m)
			}
		case n.value == "":
			if d.everywhere(n.text()) && !strings.Contains(n.text(), "each.") {
				shared = append(shared, n)
			}
		default:
			if usual := d.usual(name, ""); usual != nil {
				shared = append(shared, usual)
			}
		}
	}
	if len(shared) == 0 {
		return
	}
	for _, b := range d.blocks {
		b.without(shared)
	}
	d.blocks = slices.Insert(d.blocks, 0, block("defaults", "", shared[0].origin, shared...))
}

// shareEntries is the map that the packages' maps of n's name have in common.
func (d *document) shareEntries(n *node) *node {
	m := mapping(n.head, n.origin)
	for _, e := range n.children {
		if usual := d.usual(n.head, e.head); usual != nil {
			m.add(usual)
		}
	}
	if len(m.children) == 0 {
		return nil
	}
	return m
}

// usual is what most packages say of an attribute, or of an entry of one, if
// all say something and two of them the same.
func (d *document) usual(name, key string) *node {
	var have []*node
	var texts []string
	for _, b := range d.blocks {
		n := b.child(name)
		if n != nil && key != "" {
			n = n.child(key)
		}
		if n == nil {
			return nil
		}
		if strings.Contains(n.text(), "each.") {
			return nil // defaults have no each
		}
		have, texts = append(have, n), append(texts, n.text())
	}
	usual := commonest(texts)
	i := slices.Index(texts, usual)
	if !slices.Contains(texts[i+1:], usual) {
		return nil
	}
	return have[i]
}

// everywhere says that all packages have a child with this text.
func (d *document) everywhere(text string) bool {
	return !slices.ContainsFunc(d.blocks, func(b *node) bool {
		return !slices.ContainsFunc(b.children, func(c *node) bool { return c.text() == text })
	})
}

// child finds an attribute of a block, or an entry of a map.
func (n *node) child(head string) *node {
	for _, c := range n.children {
		if c.head == head {
			return c
		}
	}
	return nil
}

// without takes out the children that say what shared ones do.
func (n *node) without(shared []*node) {
	for _, s := range shared {
		if c := n.child(s.head); c != nil && c.isMap && s.isMap {
			c.without(s.children)
		}
	}
	n.children = slices.DeleteFunc(n.children, func(c *node) bool {
		return c.isMap && len(c.children) == 0 ||
			slices.ContainsFunc(shared, func(s *node) bool { return s.text() == c.text() })
	})
}
