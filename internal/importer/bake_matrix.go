package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// keyExpression makes an instance's key: bake's name without what all have of
// the target's.
type keyExpression struct {
	x     bakeExpr
	strip string
}

// expand reads a target's matrix and what its instances are called.
func (b *bake) expand(t *bakeTarget) {
	var matrix, name *bakeExpr
	for i, a := range t.attrs {
		switch a.name {
		case "matrix":
			matrix = &t.attrs[i].x
		case "name":
			name = &t.attrs[i].x
		}
	}
	if matrix == nil || matrix.isNull() {
		return
	}
	dims, ok := b.entries(*matrix)
	if !ok || len(dims) == 0 || name == nil {
		b.notes.add(matrix.at, "not carried over: matrix of %s: it has no name, or names that are no words", t.name)
		return
	}
	for _, d := range dims {
		t.dimensions = append(t.dimensions, bakeDimension(d))
	}
	t.key = keyExpression{*name, b.commonStart(t.name, *name)}
	combinations, ok := b.combinations(t)
	if !ok {
		b.notes.add(matrix.at, "the matrix of %s cannot be evaluated here, so nothing refers to what it makes", t.name)
		return
	}
	for _, c := range combinations {
		if n, ok := b.textValue(*name, c); ok {
			t.instances = append(t.instances, bakeInstance{n, strings.TrimPrefix(n, t.key.strip)})
		}
	}
}

// commonStart is what the names of all instances begin with: the target's name
// and what separates it from the rest.
func (b *bake) commonStart(name string, x bakeExpr) string {
	e, ok := unwrap(x.Expression).(*hclsyntax.TemplateExpr)
	if !ok || len(e.Parts) < 2 {
		return ""
	}
	l, ok := e.Parts[0].(*hclsyntax.LiteralValueExpr)
	if !ok || l.Val.Type() != cty.String {
		return ""
	}
	rest, ok := strings.CutPrefix(l.Val.AsString(), name)
	if !ok || rest == "" || !strings.Contains("-_.", rest[:1]) {
		return ""
	}
	return name + rest[:1]
}

// maxInstances bounds what a matrix makes.
const maxInstances = 10000

// combinations are the values that the matrix's names have together.
func (b *bake) combinations(t *bakeTarget) ([]map[string]cty.Value, bool) {
	out := []map[string]cty.Value{{}}
	for _, d := range t.dimensions {
		v, ok := b.value(d.x, nil)
		if !ok || v.IsNull() || !v.CanIterateElements() || v.LengthInt()*len(out) > maxInstances {
			return nil, false
		}
		var next []map[string]cty.Value
		for _, have := range out {
			for _, e := range v.AsValueSlice() {
				c := map[string]cty.Value{d.name: e}
				for name, v := range have {
					c[name] = v
				}
				next = append(next, c)
			}
		}
		out = next
	}
	return out, len(out) > 0
}

// exampleOf is one of the combinations, for what does not depend on which; nil
// for a target without a matrix.
func (b *bake) exampleOf(t *bakeTarget) map[string]cty.Value {
	if len(t.dimensions) == 0 {
		return nil
	}
	all, ok := b.combinations(t)
	if !ok {
		return nil
	}
	return all[0]
}

// scope is what the matrix's names mean in the package.
func (t *bakeTarget) scope() scope {
	s := scope{}
	for _, d := range t.dimensions {
		s[d.name] = "each.value." + d.name
		if len(t.dimensions) == 1 {
			s[d.name] = "each.value"
		}
	}
	return s
}

// forEach is the expression for a matrix's instances.
func (b *bake) forEach(t *bakeTarget) string {
	if len(t.dimensions) == 1 {
		d := t.dimensions[0]
		s := scope{d.name: d.name}
		list, key := b.text(d.x, nil), b.keyText(t, s)
		if v, ok := b.value(d.x, nil); ok && key == d.name && allStrings(v) {
			return "toset(" + list + ")"
		}
		return fmt.Sprintf("{ for %s in %s : %s => %s }", d.name, list, key, d.name)
	}
	s := scope{}
	var lists, values []string
	for i, d := range t.dimensions {
		s[d.name] = fmt.Sprintf("m[%d]", i)
		lists = append(lists, b.text(d.x, nil))
		values = append(values, fmt.Sprintf("%s = m[%d]", d.name, i))
	}
	return fmt.Sprintf("{ for m in setproduct(%s) : %s => { %s } }", strings.Join(lists, ", "), b.keyText(t, s), strings.Join(values, ", "))
}

func allStrings(v cty.Value) bool {
	return !v.IsNull() && v.CanIterateElements() && !slices.ContainsFunc(v.AsValueSlice(), func(e cty.Value) bool { return e.IsNull() || e.Type() != cty.String })
}

// keyText is the key's expression.
func (b *bake) keyText(t *bakeTarget, s scope) string {
	parts, ok := b.template(t.key.x, s)
	if !ok {
		return b.text(t.key.x, s)
	}
	if t.key.strip != "" {
		parts[0].lit = strings.TrimPrefix(parts[0].lit, t.key.strip)
		if parts[0].lit == "" {
			parts = parts[1:]
		}
	}
	return parts.expression()
}

// linkedPackage is the package of target:NAME, where NAME may be made of the
// matrix of the target that says it.
func (b *bake) linkedPackage(name template) string {
	if text, ok := name.static(); ok {
		return b.reference(text)
	}
	for _, t := range b.targets {
		if t.block == "" || len(t.dimensions) == 0 || t.key.strip == "" || name[0].expr != "" {
			continue
		}
		rest, ok := strings.CutPrefix(name[0].lit, t.key.strip)
		if !ok {
			continue
		}
		key := slices.Clone(name)
		key[0].lit = rest
		if rest == "" {
			key = key[1:]
		}
		return "package." + t.block + "[" + key.expression() + "]"
	}
	return ""
}
