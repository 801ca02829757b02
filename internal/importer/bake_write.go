package importer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// write makes the root's document.
func (b *bake) write() {
	packages := &document{}
	var images []string
	made := map[*bakeTarget]*node{}
	for _, t := range b.built() {
		p := newBakePackage(b, t)
		made[t] = p.node()
		packages.blocks = append(packages.blocks, made[t])
		switch {
		case len(p.instanceImages) > 0:
			for _, image := range p.instanceImages {
				images = append(images, b.withVariables(image))
			}
		case p.computed:
			p.image = b.withVariables(p.image)
			made[t].child("image").value = `"` + p.image + `"`
			images = append(images, p.image)
		case p.image != "":
			images = append(images, p.image)
		}
	}
	registry := commonRegistry(images)
	for t, n := range made {
		b.shorten(t, n, registry)
	}
	if len(packages.blocks) > 1 {
		packages.shareDefaults()
	}
	groups := b.groupBlocks()
	root := b.document(".")
	root.blocks = slices.Concat(b.variableBlocks(), b.localBlock(), b.functionBlocks(), packages.blocks, groups)
	if registry == "" {
		b.notes.add(position{}, "the targets' tags have no registry in common: set registry in the workspace block, or write images in full")
	}
	b.addRoot(registryExpression(registry), []string{nativePlatform})
}

// withVariables writes an image that was computed as others are written: by the
// variable that it begins with.
func (b *bake) withVariables(image string) string {
	for _, v := range b.variables {
		value, ok := b.globalValue(v.name)
		if !ok || value.IsNull() || value.Type() != cty.String || value.AsString() == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(image, value.AsString()+"/"); ok {
			return "${" + b.global(v.name) + "}/" + rest
		}
	}
	return image
}

// commonRegistry is what all images begin with, up to a slash that is not in
// an interpolation.
func commonRegistry(images []string) string {
	var common []string
	for i, image := range images {
		segments := splitImage(image)
		segments = segments[:len(segments)-1]
		if i == 0 {
			common = segments
		}
		n := 0
		for n < len(common) && n < len(segments) && common[n] == segments[n] && !strings.Contains(common[n], "each.") {
			n++
		}
		common = common[:n]
	}
	return strings.Join(common, "/")
}

// splitImage splits a template at slashes outside of interpolations.
func splitImage(image string) []string {
	out := []string{""}
	for i := 0; i < len(image); i++ {
		last := len(out) - 1
		switch {
		case strings.HasPrefix(image[i:], "${"):
			end := interpolationEnd(image[i:])
			out[last] += image[i : i+end]
			i += end - 1
		case image[i] == '/':
			out = append(out, "")
		default:
			out[last] += image[i : i+1]
		}
	}
	return out
}

func registryExpression(registry string) string {
	switch {
	case registry == "":
		return ""
	case strings.HasPrefix(registry, "${") && interpolationEnd(registry) == len(registry):
		return registry[2 : len(registry)-1]
	}
	return `"` + registry + `"`
}

// shorten takes the registry from an image, and the image away if it is the
// package's name.
func (b *bake) shorten(t *bakeTarget, n *node, registry string) {
	i := slices.IndexFunc(n.children, func(c *node) bool { return c.head == "image" })
	if i < 0 {
		return
	}
	if expression := n.children[i].value; !strings.HasPrefix(expression, `"`) { // of instances
		if registry != "" {
			n.children[i].value = fmt.Sprintf(`trimprefix(%s, "%s/")`, expression, registry)
		}
		return
	}
	image := strings.Trim(n.children[i].value, `"`)
	if registry != "" {
		image = strings.TrimPrefix(image, registry+"/")
	}
	n.children[i].value = registryExpression(image)
	if image == t.block && len(t.dimensions) == 0 {
		n.children = slices.Delete(n.children, i, i+1)
	}
}

// variableBlocks declares the variables.
func (b *bake) variableBlocks() []*node {
	var out []*node
	for _, v := range b.variables {
		n := block("variable", v.name, v.at)
		kind, value := v.kind, quote("")
		switch {
		case v.fallback == nil && kind == "":
			kind = "string"
		case v.fallback != nil && b.derived(v):
			value = "null"
		case v.fallback != nil:
			value = b.text(*v.fallback, nil)
			if kind == "" {
				kind = kindOf(b, *v.fallback)
			}
		case kind != "":
			value = "null"
		}
		if kind != "" {
			n.add(attribute("type", kind, v.at))
		}
		n.add(attribute("default", value, v.at))
		if v.description != nil {
			n.add(attribute("description", b.text(*v.description, nil), v.description.at))
		}
		if v.env {
			n.add(attribute("env", quote(v.name), v.at))
		}
		for _, list := range v.validations {
			n.add(b.validation(v, list))
		}
		out = append(out, n)
	}
	return out
}

func (b *bake) validation(v *bakeVariable, attrs []bakeAttr) *node {
	n := block("validation", "", v.at)
	for _, a := range attrs {
		n.origin = a.x.at
		n.add(attribute(a.name, b.text(a.x, nil), a.x.at))
	}
	if n.child("error_message") == nil {
		n.add(attribute("error_message", quote("The value of "+v.name+" is not allowed."), n.origin))
	}
	return n
}

// kindOf is the type of a variable by its default, as bake takes it.
func kindOf(b *bake, x bakeExpr) string {
	v, ok := b.value(x, nil)
	switch {
	case !ok || v.IsNull():
		return ""
	case v.Type() == cty.String:
		return "string"
	case v.Type() == cty.Number:
		return "number"
	case v.Type() == cty.Bool:
		return "bool"
	}
	return ""
}

// localBlock has the attributes outside of blocks, and the variables whose
// defaults are made of others.
func (b *bake) localBlock() []*node {
	n := block("locals", "", position{})
	for _, a := range b.locals {
		n.add(attribute(a.name, b.text(a.x, nil), a.x.at))
	}
	for _, v := range b.variables {
		if b.derived(v) && b.global(v.name) == "local."+v.name {
			n.add(attribute(v.name, "var."+v.name+" == null ? "+b.text(*v.fallback, nil)+" : var."+v.name, v.at))
		}
	}
	if len(n.children) == 0 {
		return nil
	}
	n.origin = n.children[0].origin
	return []*node{n}
}

func (b *bake) functionBlocks() []*node {
	var out []*node
	for _, name := range slices.Sorted(maps.Keys(b.functions)) {
		f := b.functions[name]
		s := scope{}
		for _, p := range append(slices.Clone(f.params), f.variadic) {
			s[p] = p
		}
		n := block("function", f.name, f.at, attribute("params", list(f.params), f.at))
		if f.variadic != "" {
			n.add(attribute("variadic_params", f.variadic, f.at))
		}
		n.add(attribute("result", b.text(f.result, s), f.result.at))
		out = append(out, n)
	}
	return out
}

// members are the names in a group, each with its place.
func (b *bake) members(g *bakeGroup) []bakeAttr {
	var out []bakeAttr
	for _, list := range g.members {
		for _, x := range b.elements(list.x) {
			if name, ok := b.textValue(x, nil); ok {
				out = append(out, bakeAttr{name, x})
				continue
			}
			names, ok := b.texts(x, nil)
			if !ok {
				b.notes.add(x.at, "not carried over: group %s has targets whose names are not known here", g.name)
			}
			for _, name := range names {
				out = append(out, bakeAttr{name, x})
			}
		}
	}
	return out
}

func (b *bake) groupBlocks() []*node {
	byName := map[string]string{}
	for _, g := range b.groups {
		byName[g.name] = b.groupNames.take(g.name)
	}
	var out []*node
	for _, g := range b.groups {
		var parts []string
		for _, m := range b.members(g) {
			t, _ := b.instance(m.name)
			switch ref := b.reference(m.name); {
			case byName[m.name] != "" && m.name != g.name && t == nil:
				parts = append(parts, quote("@"+byName[m.name]))
			case ref != "":
				parts = append(parts, ref)
			case t != nil && t.block != "":
				parts = append(parts, quote(t.block))
			default:
				b.notes.add(m.x.at, "not carried over: group %s: there is no target %s", g.name, m.name)
			}
		}
		n := block("group", byName[g.name], g.at, listing("packages", parts, g.at))
		n.comment = g.comment
		out = append(out, n)
	}
	return out
}

// inWorkspace makes a path as bake takes it, relative to where it is run, one
// that is relative to the root. It is false for what is elsewhere.
func (b *bake) inWorkspace(name string) (string, bool) {
	name = strings.TrimPrefix(name, "cwd://")
	full, ok := b.inRoot(".", name)
	return path.Clean(full), ok
}
