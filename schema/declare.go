package schema

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// keyRule is what instances may be called: keys appear in names, file names
// and selections.
var keyRule = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.+/-]*$`)

// maxInstances bounds one for_each.
const maxInstances = 100_000

// packageBlock is one package block with what applies to it.
type packageBlock struct {
	name    string
	rng     hcl.Range
	scope   *scope
	own     *layer
	merged  *merged
	forEach *expression
	// single is the package of a block without for_each; instances are those
	// of one with it.
	single    *Declaration
	instances map[string]*Declaration
	// failed says that for_each could not be evaluated.
	failed bool
}

// keys are the instances' keys, sorted.
func (b *packageBlock) keys() []string { return slices.Sorted(maps.Keys(b.instances)) }

// declarePackage takes note of a package block.
func (l *loader) declarePackage(f *file, block *hcl.Block) {
	name := block.Labels[0]
	read := f.packages[block]
	l.add(read.diags...)
	if !nameRule.MatchString(name) {
		l.add(errorAt(block.LabelRanges[0], "Bad package name", "%q: use letters, digits, _ and -, beginning with a letter. The image may be called otherwise: set image.", name))
	}
	if first, ok := l.env.blocks[name]; ok {
		l.add(duplicate("package", name, block, first.rng))
		return
	}
	l.add(read.layerDiags...)
	b := &packageBlock{
		name: name, rng: block.DefRange, scope: f.scope, own: read.own,
		forEach: read.own.attributes["for_each"], instances: map[string]*Declaration{},
	}
	l.env.blocks[name] = b
	l.packages = append(l.packages, b)
}

// declarePackages expands for_each and settles the names and images of all
// packages.
func (l *loader) declarePackages(ws *Workspace) {
	for _, d := range l.defaults {
		d.expressions(func(x *expression) { l.add(l.env.analyze(x)...) })
	}
	diags := make([]hcl.Diagnostics, len(l.packages))
	parallel(len(l.packages), func(i int) {
		b := l.packages[i]
		b.merged = merge(b.own, l.layersFor(b.scope.dir))
		b.own.expressions(func(x *expression) { diags[i] = append(diags[i], l.env.analyze(x)...) })
		diags[i] = append(diags[i], l.expand(b, ws)...)
	})
	for i, b := range l.packages {
		l.add(diags[i]...)
		ws.Packages = append(ws.Packages, b.declarations()...)
	}
	slices.SortFunc(ws.Packages, func(a, b *Declaration) int { return strings.Compare(a.Name, b.Name) })
	ws.byName = make(map[string]*Declaration, len(ws.Packages))
	for _, d := range ws.Packages {
		ws.byName[d.Name] = d
	}
	l.applySettings(ws)
}

func (b *packageBlock) declarations() []*Declaration {
	if b.single != nil {
		return []*Declaration{b.single}
	}
	var out []*Declaration
	for _, key := range b.keys() {
		out = append(out, b.instances[key])
	}
	return out
}

// expand makes the declarations of a block.
func (l *loader) expand(b *packageBlock, ws *Workspace) hcl.Diagnostics {
	r := &reader{env: l.env, scope: b.scope}
	if b.forEach == nil {
		b.single = l.newDeclaration(r, b, b.name, ws, nil)
		return r.diags
	}
	values, ok := r.forEach(b.forEach)
	b.failed = !ok
	for _, key := range slices.Sorted(maps.Keys(values)) {
		each := &eachValue{key, values[key]}
		b.instances[key] = l.newDeclaration(r, b, fmt.Sprintf("%s[%q]", b.name, key), ws, each)
	}
	return r.diags
}

// eachValue is each.key and each.value of an instance.
type eachValue struct {
	key   string
	value cty.Value
}

// forEach evaluates for_each to values by key.
func (r *reader) forEach(x *expression) (map[string]cty.Value, bool) {
	v, ok := r.value(x)
	if !ok {
		if !r.unknown && len(r.diags) == 0 {
			r.fail(x.Range(), "Bad for_each", "for_each is null. For no instances write an empty set: toset([]).")
		}
		return nil, false
	}
	t := v.Type()
	if !t.IsSetType() && !isMapping(t) {
		hint := ""
		if isSequence(t) {
			hint = " Write toset(…) around the list."
		}
		r.fail(x.Range(), "Bad for_each", "for_each is a set of strings, a map or an object, not %s.%s", friendly(v), hint)
		return nil, false
	}
	if v.LengthInt() > maxInstances {
		r.fail(x.Range(), "Bad for_each", "for_each gives more than %d instances.", maxInstances)
		return nil, false
	}
	out := map[string]cty.Value{}
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if t.IsSetType() {
			key = value
		}
		text, err := convert.Convert(key, cty.String)
		if err != nil || text.IsNull() {
			r.fail(x.Range(), "Bad for_each", "for_each is a set of strings; it has %s.", friendly(key))
			return nil, false
		}
		if !keyRule.MatchString(text.AsString()) {
			r.fail(x.Range(), "Bad instance key", "%q: use letters, digits and _ . + / - in keys, beginning with a letter, a digit or _.", text.AsString())
			return nil, false
		}
		if t.IsSetType() {
			value = text
		}
		out[text.AsString()] = value
	}
	return out, true
}

// newDeclaration evaluates the image of one package.
func (l *loader) newDeclaration(r *reader, b *packageBlock, name string, ws *Workspace, each *eachValue) *Declaration {
	d := &Declaration{Name: name, Block: b.name, Dir: b.scope.dir, Range: b.rng, block: b, merged: b.merged, each: each}
	image := b.name
	if each != nil {
		image += "-" + each.key
		r.instance = name
	}
	rng := b.rng
	if x := b.merged.scalars["image"]; x != nil {
		r.variables = map[string]cty.Value{"self": cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(name)})}
		if each != nil {
			r.variables["each"] = each.object()
		}
		rng = x.Range()
		s, ok := r.asString(x)
		if !ok && (r.unknown || len(r.diags) > 0) {
			return d
		}
		if ok {
			image = s
		}
	}
	d.Repository = r.repository(ws.Registry, image, rng)
	return d
}

func (e *eachValue) object() cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(e.key), "value": e.value})
}

// repository checks an image name and puts the registry before it. The
// grammar is the OCI distribution specification's for repository names.
func (r *reader) repository(registry, image string, rng hcl.Range) string {
	full := image
	if registry != "" {
		full = strings.TrimSuffix(registry, "/") + "/" + image
	}
	named, err := reference.ParseNormalizedNamed(full)
	switch {
	case err != nil || strings.HasPrefix(image, "/"):
		hint := "Image names have lower-case letters, digits and separators (. _ __ - /)."
		if lower := strings.ToLower(image); lower != image {
			hint += fmt.Sprintf(" Did you mean %q?", lower)
		}
		r.fail(rng, "Bad image name", "%q is no image name. %s", image, hint)
		return ""
	case !reference.IsNameOnly(named):
		r.fail(rng, "Bad image name", "%q has a tag or digest; an image here is a name only. For a tag set tag.", image)
		return ""
	}
	return full
}
