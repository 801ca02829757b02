package importer

import (
	"slices"
	"strings"
)

// node is a block, an attribute, or an entry of an attribute that is a map.
type node struct {
	// head is what stands before the value or the children: tag, or
	// package "app".
	head string
	// value is an attribute's or entry's expression; "" when there are
	// children.
	value string
	// items are the elements of a value that is a list, where some may have to
	// go.
	items []string
	// isMap says that the children are entries of a map, not a block's items.
	isMap    bool
	children []*node
	comment  string
	origin   position

	// first and last are the lines in the rendered document, from 1.
	first, last int
	parent      *node
}

// attribute makes an attribute, or an entry of a map, of an expression.
func attribute(name, expression string, at position) *node {
	return &node{head: name, value: expression, origin: at}
}

// listing makes an attribute that is a list of expressions.
func listing(name string, items []string, at position) *node {
	return &node{head: name, value: list(items), items: items, origin: at}
}

// block makes a block with a label, "" for none.
func block(kind, label string, at position, items ...*node) *node {
	head := kind
	if label != "" {
		head += " " + quote(label)
	}
	return &node{head: head, children: items, origin: at}
}

// mapping makes an attribute that is a map.
func mapping(name string, at position, entries ...*node) *node {
	return &node{head: name, isMap: true, children: entries, origin: at}
}

// entry makes an entry of a map.
func entry(key, expression string, at position) *node {
	return attribute(objectKey(key), expression, at)
}

func (n *node) add(items ...*node) { n.children = append(n.children, items...) }

// remove takes the node out of its parent; a map that is empty then goes too.
func (n *node) remove() {
	p := n.parent
	if p == nil {
		return
	}
	p.children = slices.DeleteFunc(p.children, func(c *node) bool { return c == n })
	if p.isMap && len(p.children) == 0 {
		p.remove()
	}
}

// at finds the innermost node on a line.
func (n *node) at(line int) *node {
	if line < n.first || line > n.last {
		return nil
	}
	for _, c := range n.children {
		if found := c.at(line); found != nil {
			return found
		}
	}
	return n
}

// text is the node as it would be rendered, to compare two.
func (n *node) text() string {
	var w renderer
	w.node(n)
	return w.String()
}

// name is an attribute's name or a block's kind.
func (n *node) name() string {
	kind, _, _ := strings.Cut(n.head, " ")
	return kind
}

// document is one file of the configuration.
type document struct {
	path   string
	head   string // a comment
	blocks []*node
}

// render returns the document's text and sets the nodes' lines.
func (d *document) render() []byte {
	var w renderer
	w.comment(d.head)
	for i, b := range d.blocks {
		if i > 0 || d.head != "" {
			w.line("")
		}
		b.parent = nil
		w.node(b)
	}
	return []byte(w.String())
}

// renderer writes lines and counts them.
type renderer struct {
	strings.Builder
	lines int
}

func (w *renderer) line(text string) {
	w.WriteString(text)
	w.WriteByte('\n')
	w.lines += strings.Count(text, "\n") + 1
}

func (w *renderer) comment(text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		w.line(strings.TrimSpace("# " + line))
	}
}

func (w *renderer) node(n *node) {
	w.comment(n.comment)
	n.first = w.lines + 1
	switch {
	case n.value != "":
		w.line(n.head + " = " + n.value)
	case len(n.children) == 0 && n.isMap:
		w.line(n.head + " = {}")
	case len(n.children) == 0:
		w.line(n.head + " {}")
	default:
		w.children(n)
	}
	n.last = w.lines
}

func (w *renderer) children(n *node) {
	if n.isMap {
		w.line(n.head + " = {")
	} else {
		w.line(n.head + " {")
	}
	for i, c := range n.children {
		c.parent = n
		if i > 0 && !n.isMap && (len(c.children) > 0 || len(n.children[i-1].children) > 0) {
			w.line("")
		}
		w.node(c)
	}
	w.line("}")
}
