package importer

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// bakePackage is a target on its way to a package block.
type bakePackage struct {
	*bake
	t     *bakeTarget
	attrs map[string][]bakeExpr
	scope scope
	// example is a combination of the matrix.
	example map[string]cty.Value
	// image is the repository, between quotes, imageExample that of the first of
	// a matrix's instances, and instanceImages are those of all where only an
	// expression, image, says which one has which.
	image, imageExample string
	instanceImages      []string
	// computed says that the image is what an expression comes to.
	computed bool
	out      *node
}

func newBakePackage(b *bake, t *bakeTarget) *bakePackage {
	return &bakePackage{bake: b, t: t, attrs: b.effective(t), scope: t.scope(), example: b.exampleOf(t)}
}

// node makes the block.
func (p *bakePackage) node() *node {
	p.out = block("package", p.t.block, p.t.at)
	if x, ok := p.last("description"); ok {
		p.out.comment, _ = p.textValue(x, p.example)
	}
	if len(p.t.dimensions) > 0 {
		p.out.add(attribute("for_each", p.forEach(p.t), p.t.key.x.at))
	}
	p.addTags()
	p.addContext()
	p.addContexts()
	p.addPlatforms()
	for _, name := range []string{"target", "no-cache-filter", "network", "shm-size", "pull", "no-cache"} {
		if x, ok := p.last(name); ok {
			p.set(bakeNames[name], p.text(x, p.scope), x.at)
		}
	}
	for _, name := range []string{"args", "labels", "extra-hosts"} {
		p.addMap(bakeNames[name], p.attrs[name])
	}
	p.addAnnotations()
	p.addList("ulimits", p.attrs["ulimits"])
	p.addCaches("cache-from")
	p.addCaches("cache-to")
	p.addSSH()
	p.addSecrets()
	p.addAttest()
	p.addOutputs()
	p.addRest()
	return p.out
}

// bakeNames are attributes that mean the same, with what they are called here.
var bakeNames = map[string]string{
	"target": "target", "platforms": "platforms", "no-cache-filter": "no_cache_stages", "network": "network",
	"shm-size": "shm_size", "pull": "pull", "no-cache": "no_cache", "args": "args", "labels": "labels",
	"extra-hosts": "extra_hosts", "cache-from": "cache_from", "cache-to": "cache_to",
}

// last is what counts of an attribute that is not merged.
func (p *bakePackage) last(name string) (bakeExpr, bool) {
	list := p.attrs[name]
	if len(list) == 0 {
		return bakeExpr{}, false
	}
	return list[len(list)-1], true
}

func (p *bakePackage) set(name, expression string, at position) {
	p.out.add(attribute(name, expression, at))
}

// addMap merges maps: a nearer one's entries go before a farther one's.
func (p *bakePackage) addMap(name string, maps []bakeExpr) {
	if len(maps) == 0 {
		return
	}
	m := mapping(name, maps[0].at)
	var whole []string
	for _, x := range maps {
		whole = append(whole, p.text(x, p.scope))
		entries, ok := p.entries(x)
		if !ok {
			m = nil
		}
		if m == nil {
			continue
		}
		for _, e := range entries {
			n := entry(e.name, p.text(e.x, p.scope), e.x.at)
			m.children = slices.DeleteFunc(m.children, func(c *node) bool { return c.head == n.head })
			m.add(n)
		}
	}
	switch {
	case m != nil && len(m.children) > 0:
		p.out.add(m)
	case m == nil && len(whole) == 1:
		p.set(name, whole[0], maps[0].at)
	case m == nil:
		p.set(name, "merge("+strings.Join(whole, ", ")+")", maps[0].at)
	}
}

// addList appends lists.
func (p *bakePackage) addList(name string, lists []bakeExpr) {
	var parts, whole []string
	for _, x := range lists {
		whole = append(whole, p.text(x, p.scope))
		if !isList(x) {
			parts = nil
			continue
		}
		for _, e := range p.elements(x) {
			if text := p.text(e, p.scope); !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	switch {
	case len(lists) == 0:
	case !slices.ContainsFunc(lists, func(x bakeExpr) bool { return !isList(x) }):
		p.out.add(listing(name, parts, lists[0].at))
	case len(whole) == 1:
		p.set(name, whole[0], lists[0].at)
	default:
		p.set(name, "concat("+strings.Join(whole, ", ")+")", lists[0].at)
	}
}

// addPlatforms takes over the platforms. Bake builds for the builder's own when
// there are none, or for "local".
func (p *bakePackage) addPlatforms() {
	x, ok := p.last("platforms")
	if !ok {
		return
	}
	if !isList(x) {
		text := p.text(x, p.scope)
		if all, ok := p.texts(x, p.example); ok && len(all) == 0 {
			text = "coalescelist(" + text + ", [" + quote(nativePlatform) + "])"
		}
		p.set("platforms", text, x.at)
		return
	}
	var parts []string
	for _, e := range p.elements(x) {
		if value, ok := p.textValue(e, p.example); ok && value == "local" {
			p.notes.add(e.at, "not carried over: platform local of %s: plans are the same everywhere, so a builder's own platform is none", p.t.name)
			continue
		}
		parts = append(parts, p.text(e, p.scope))
	}
	if len(parts) > 0 {
		p.out.add(listing("platforms", parts, x.at))
	}
}

// addContext takes over the context and the Dockerfile. A Dockerfile outside of
// the context is read by the configuration.
func (p *bakePackage) addContext() {
	dir, known := ".", true
	if x, ok := p.last("context"); ok {
		value, ok := p.textValue(x, p.example)
		full, inside := p.inWorkspace(value)
		text, isTemplate := p.template(x, p.scope)
		_, static := text.static()
		switch {
		case ok && !inside || strings.Contains(strings.TrimPrefix(value, "cwd://"), "://") || strings.HasPrefix(value, "target:") || strings.HasPrefix(value, "git@"):
			p.set("context", quote(value), x.at) // is refused, and so noted
			return
		case isTemplate && static:
			dir = full
		default:
			known = false
			p.set("context", p.text(x, p.scope), x.at)
		}
		if known && dir != "." {
			p.set("context", quote(dir), x.at)
		}
	}
	if x, ok := p.last("dockerfile-inline"); ok {
		p.set("dockerfile_inline", p.text(x, p.scope), x.at)
		return
	}
	if x, ok := p.last("dockerfile"); ok {
		p.addDockerfile(x, dir, known)
	}
}

func (p *bakePackage) addDockerfile(x bakeExpr, dir string, known bool) {
	text, ok := p.template(x, p.scope)
	name, static := text.static()
	if !ok || !static || !known {
		p.set("dockerfile", p.text(x, p.scope), x.at)
		return
	}
	full := path.Join(dir, name)
	if rest, ok := strings.CutPrefix(name, "cwd://"); ok {
		full = path.Clean(rest)
	} else if path.IsAbs(name) {
		full, _ = p.inRoot(".", name)
	}
	rel := relative(dir, full)
	if strings.HasPrefix(rel, "../") {
		p.set("dockerfile_inline", "file("+quote(full)+")", x.at)
		if p.exists(full + ".dockerignore") {
			p.notes.add(x.at, "not carried over: %s.dockerignore: the Dockerfile is outside of the context; put what it says into the context's .dockerignore", full)
		}
		return
	}
	if rel != "Dockerfile" {
		p.set("dockerfile", quote(rel), x.at)
	}
}

// addContexts takes over named contexts: target:NAME is a package.
func (p *bakePackage) addContexts() {
	m := mapping("contexts", p.t.at)
	for _, x := range p.attrs["contexts"] {
		m.origin = x.at
		entries, condition, ok := p.conditional(x)
		if !ok {
			p.notes.add(x.at, "not carried over: contexts of %s: their names are not known here", p.t.name)
		}
		for _, e := range entries {
			if value := p.contextValue(e); value != "" {
				value = condition(e, value)
				n := entry(e.name, value, e.x.at)
				m.children = slices.DeleteFunc(m.children, func(c *node) bool { return c.head == n.head })
				m.add(n)
			}
		}
	}
	if len(m.children) > 0 {
		p.out.add(m)
	}
}

// conditional are the entries of an object, or of CONDITION ? OBJECT : OBJECT.
// Its function puts the condition before an entry's value.
func (p *bakePackage) conditional(x bakeExpr) ([]bakeAttr, func(bakeAttr, string) string, bool) {
	always := func(_ bakeAttr, value string) string { return value }
	c, ok := unwrap(x.Expression).(*hclsyntax.ConditionalExpr)
	if !ok {
		entries, ok := p.entries(x)
		return entries, always, ok
	}
	arm := func(e hclsyntax.Expression) ([]bakeAttr, bool) {
		if x.part(e).isNull() {
			return nil, true
		}
		return p.entries(x.part(e))
	}
	yes, ok := arm(c.TrueResult)
	no, also := arm(c.FalseResult)
	overlap := slices.ContainsFunc(no, func(e bakeAttr) bool {
		return slices.ContainsFunc(yes, func(o bakeAttr) bool { return o.name == e.name })
	})
	if !ok || !also || overlap {
		return nil, always, false
	}
	text := p.text(x.part(c.Condition), p.scope)
	return slices.Concat(yes, no), func(e bakeAttr, value string) string {
		if slices.ContainsFunc(no, func(o bakeAttr) bool { return o.name == e.name }) {
			return text + " ? null : " + value
		}
		return text + " ? " + value + " : null"
	}, true
}

func (p *bakePackage) contextValue(e bakeAttr) string {
	if e.x.isNull() {
		return ""
	}
	text, ok := p.template(e.x, p.scope)
	if !ok {
		return p.text(e.x, p.scope)
	}
	if len(text) > 0 && strings.HasPrefix(text[0].lit, "target:") {
		name := slices.Clone(text)
		if name[0].lit = strings.TrimPrefix(name[0].lit, "target:"); name[0].lit == "" {
			name = name[1:]
		}
		if ref := p.linkedPackage(name); ref != "" {
			return ref
		}
		p.notes.add(e.x.at, "not carried over: context %s of %s: there is no package for %s", e.name, p.t.name, name.inner())
		return ""
	}
	if value, ok := text.static(); ok && strings.HasPrefix(value, "cwd://") {
		full, _ := p.inWorkspace(value)
		return quote(full)
	}
	return text.expression()
}

// linked are the targets that a target's contexts name.
func (b *bake) linked(t *bakeTarget) []string {
	var out []string
	for _, a := range t.attrs {
		if a.name != "contexts" {
			continue
		}
		entries, _ := b.entries(a.x)
		for _, e := range entries {
			if value, ok := b.textValue(e.x, b.exampleOf(t)); ok && strings.HasPrefix(value, "target:") {
				out = append(out, strings.TrimPrefix(value, "target:"))
			}
		}
	}
	return out
}
