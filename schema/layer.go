package schema

import (
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// layer is what one block says about packages: a package block, or a defaults
// block for all packages below its directory.
type layer struct {
	scope      *scope
	rng        hcl.Range
	attributes map[string]*expression
	ranges     map[string]hcl.Range // of attributes
	nested     []*nested
}

// nested is a platform, source, secret, archive or attest block.
type nested struct {
	kind       string
	label      string
	labelRange hcl.Range
	rng        hcl.Range
	scope      *scope
	defaults   bool // stands in a defaults block
	attributes map[string]*expression
}

// mapAttributes are merged key by key over the layers; of other attributes
// the nearest counts.
var mapAttributes = []string{"args", "labels", "annotations", "contexts", "extra_hosts"}

// nestedSpecs are the blocks inside of package and defaults blocks.
var nestedSpecs = map[string]*bodySpec{
	"platform": platformSpec, "source": sourceSpec, "secret": secretSpec, "attest": attestSpec, "archive": archiveSpec, "output": outputSpec,
}

// permissions says what an attribute's expression may mention.
func permissions(name string, forEach bool) names {
	may := mayPackage
	switch name {
	case "for_each":
		return mayStatic
	case "image":
		may = mayImage
	case "platforms", "allow_outside", "dest":
		may = mayPlatforms
	case "tag":
		may = mayTag
	}
	if !forEach {
		may &^= nameEach
	}
	return may
}

// newLayer reads the body of a package or defaults block.
func newLayer(c *content, s *scope, rng hcl.Range, isDefaults bool) (*layer, hcl.Diagnostics) {
	l := &layer{scope: s, rng: rng, ranges: map[string]hcl.Range{}}
	forEach := c.attributes["for_each"] != nil
	var diags hcl.Diagnostics
	l.attributes, diags = newExpressions(c.attributes, s, forEach)
	for name, a := range c.attributes {
		l.ranges[name] = a.Range
	}
	for _, b := range c.blocks {
		bc, d := nestedSpecs[b.Type].content(b.Body, s.src)
		diags = append(diags, d...)
		n := &nested{kind: b.Type, rng: b.DefRange, scope: s, defaults: isDefaults}
		if len(b.Labels) > 0 {
			n.label, n.labelRange = b.Labels[0], b.LabelRanges[0]
		}
		n.attributes, d = newExpressions(bc.attributes, s, forEach)
		diags = append(diags, d...)
		l.nested = append(l.nested, n)
	}
	return l, diags
}

func newExpressions(attributes hcl.Attributes, s *scope, forEach bool) (map[string]*expression, hcl.Diagnostics) {
	out := make(map[string]*expression, len(attributes))
	var diags hcl.Diagnostics
	for name, a := range attributes {
		create := newExpression
		if slices.Contains(mapAttributes, name) {
			create = newMap
		}
		x, d := create(a.Expr, s, permissions(name, forEach), name)
		diags = append(diags, d...)
		out[name] = x
	}
	return out, diags
}

// expressions calls do with every expression of the layer.
func (l *layer) expressions(do func(x *expression)) {
	for _, x := range l.attributes {
		do(x)
	}
	for _, n := range l.nested {
		for _, x := range n.attributes {
			do(x)
		}
	}
}

// decodeDefaults takes note of a defaults block.
func (l *loader) decodeDefaults(f *file, s *scope, b *hcl.Block) {
	c, diags := defaultsSpec.content(b.Body, f.src)
	l.add(diags...)
	if first, ok := l.defaults[f.dir]; ok {
		l.add(errorAt(b.DefRange, "Duplicate defaults block", "The defaults of this directory are at %s already; put both into one block.", at(first.rng)))
		return
	}
	layer, diags := newLayer(c, s, b.DefRange, true)
	l.add(diags...)
	l.defaults[f.dir] = layer
}

// layersFor are the defaults that apply in dir, nearest first.
func (l *loader) layersFor(dir string) []*layer {
	var layers []*layer
	for {
		if d, ok := l.defaults[dir]; ok {
			layers = append(layers, d)
		}
		if dir == "." {
			return layers
		}
		dir = path.Dir(dir)
	}
}

// entry is one part of a merged map: an item with a literal key, or a whole
// expression whose keys show only when it is evaluated.
type entry struct {
	key   string
	whole bool
	value *expression
}

// merged is what all layers together say about a package.
type merged struct {
	scalars map[string]*expression
	maps    map[string][]entry
	nested  map[string][]*nested // by kind, nearest layer first
	ranges  map[string]hcl.Range
	// effective are the expressions, of all that decide the package, that
	// mention packages or locals.
	effective []*expression
}

// merge lays own over defaults, which are ordered from near to far.
func merge(own *layer, defaults []*layer) *merged {
	m := &merged{scalars: map[string]*expression{}, maps: map[string][]entry{}, nested: map[string][]*nested{}, ranges: map[string]hcl.Range{}}
	if len(defaults) == 0 {
		m.ranges = own.ranges
	}
	for _, l := range append([]*layer{own}, defaults...) {
		for name, x := range l.attributes {
			if _, ok := m.ranges[name]; !ok {
				m.ranges[name] = l.ranges[name]
			}
			if slices.Contains(mapAttributes, name) {
				m.maps[name] = mergeMap(m.maps[name], x)
			} else if _, ok := m.scalars[name]; !ok {
				m.scalars[name] = x
			}
		}
		// The two ways to give a Dockerfile are one setting.
		for name, other := range map[string]string{"dockerfile": "dockerfile_inline", "dockerfile_inline": "dockerfile"} {
			if _, decided := m.scalars[other]; !decided && l.attributes[name] != nil {
				m.scalars[other] = nil
			}
		}
		for _, n := range l.nested {
			m.addNested(n, l == own)
		}
	}
	return m
}

// mergeMap appends the items of a farther layer that no nearer one overrides.
func mergeMap(entries []entry, x *expression) []entry {
	if x.items == nil {
		return append(entries, entry{whole: true, value: x})
	}
	nearer := len(entries)
	for _, it := range x.items {
		if !slices.ContainsFunc(entries[:nearer], func(e entry) bool { return !e.whole && e.key == it.key }) {
			entries = append(entries, entry{key: it.key, value: it.value})
		}
	}
	return entries
}

// addNested adds a block unless a nearer layer has one for the same thing.
func (m *merged) addNested(n *nested, own bool) {
	if !own && slices.ContainsFunc(m.nested[n.kind], func(o *nested) bool { return o.label == n.label && o.scope.dir != n.scope.dir }) {
		return
	}
	m.nested[n.kind] = append(m.nested[n.kind], n)
}

// of lists the expressions that are in effect for an attribute or block kind.
func (m *merged) of(name string) []*expression {
	if x := m.scalars[name]; x != nil {
		return []*expression{x}
	}
	var out []*expression
	for _, e := range m.maps[name] {
		out = append(out, e.value)
	}
	for _, n := range m.nested[name] {
		for _, x := range n.attributes {
			out = append(out, x.parts()...)
		}
	}
	return out
}
