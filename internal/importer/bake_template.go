package importer

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// template is a string with interpolations, taken apart.
type template []piece

type piece struct {
	lit  string
	expr string // as it is written here; "" for text
	x    bakeExpr
}

// template takes a string apart. It is not ok for other expressions, and for
// templates with directives.
func (b *bake) template(x bakeExpr, s scope) (template, bool) {
	switch e := unwrap(x.Expression).(type) {
	case *hclsyntax.TemplateWrapExpr:
		return template{{expr: b.text(x.part(e.Wrapped), s), x: x.part(e.Wrapped)}}, true
	case *hclsyntax.TemplateExpr:
		var out template
		for _, part := range e.Parts {
			if l, ok := part.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.String {
				out = append(out, piece{lit: l.Val.AsString()})
				continue
			}
			before := bytes.TrimRight(x.src[:part.Range().Start.Byte], "~ \t\r\n")
			if !bytes.HasSuffix(before, []byte("${")) {
				return nil, false
			}
			out = append(out, piece{expr: b.text(x.part(part), s), x: x.part(part)})
		}
		return out, true
	case *hclsyntax.LiteralValueExpr:
		if v, ok := literalText(e.Val); ok {
			return template{{lit: v}}, true
		}
	case *hclsyntax.ScopeTraversalExpr:
		return template{{expr: b.text(x, s), x: x}}, true
	}
	return nil, false
}

func literalText(v cty.Value) (string, bool) {
	switch {
	case v.IsNull() || !v.IsKnown():
		return "", false
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True()), true
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('f', -1), true
	case v.Type() == cty.String:
		return v.AsString(), true
	}
	return "", false
}

// static is the template's text if it has no interpolations.
func (t template) static() (string, bool) {
	var b strings.Builder
	for _, p := range t {
		if p.expr != "" {
			return "", false
		}
		b.WriteString(p.lit)
	}
	return b.String(), true
}

// inner is the template as it stands between quotes.
func (t template) inner() string {
	var b strings.Builder
	for _, p := range t {
		if p.expr != "" {
			b.WriteString("${" + p.expr + "}")
			continue
		}
		b.WriteString(inner(p.lit))
	}
	return b.String()
}

// expression is the template as an expression.
func (t template) expression() string {
	if len(t) == 1 && t[0].expr != "" {
		return t[0].expr
	}
	return `"` + t.inner() + `"`
}

// split cuts at every separator in the text.
func (t template) split(separator string) []template {
	out := []template{nil}
	for _, p := range t {
		last := len(out) - 1
		if p.expr != "" {
			out[last] = append(out[last], p)
			continue
		}
		for i, text := range strings.Split(p.lit, separator) {
			if i > 0 {
				out = append(out, nil)
				last++
			}
			if text != "" {
				out[last] = append(out[last], piece{lit: text})
			}
		}
	}
	return out
}

// cut cuts at the first separator in the text.
func (t template) cut(separator string) (before, after template, ok bool) {
	parts := t.split(separator)
	if len(parts) == 1 {
		return t, nil, false
	}
	for i, p := range parts[1:] {
		if i > 0 {
			after = append(after, piece{lit: separator})
		}
		after = append(after, p...)
	}
	return parts[0], after, true
}

// bakeField is KEY=VALUE, or an entry of an object.
type bakeField struct {
	key   string
	value template
	at    position
}

// fields are those of type=x,key=value, or of an object.
func (b *bake) fields(x bakeExpr, s scope) ([]bakeField, bool) {
	if entries, ok := b.entries(x); ok {
		var out []bakeField
		for _, e := range entries {
			value, ok := b.template(e.x, s)
			if e.x.isNull() {
				continue
			}
			if !ok {
				value = template{{expr: b.text(e.x, s), x: e.x}}
			}
			out = append(out, bakeField{e.name, value, e.x.at})
		}
		return out, true
	}
	t, ok := b.template(x, s)
	if !ok {
		return nil, false
	}
	var out []bakeField
	for _, part := range t.split(",") {
		key, value, hasValue := part.cut("=")
		name, ok := key.static()
		if !ok {
			return nil, false
		}
		if !hasValue {
			value = nil
		}
		out = append(out, bakeField{strings.TrimSpace(name), value, x.at})
	}
	return out, true
}

// field finds a value by the first of the keys that it has.
func field(fields []bakeField, keys ...string) (template, bool) {
	for _, key := range keys {
		for _, f := range fields {
			if cmp.Or(strings.ToLower(f.key), f.key) == key && f.value != nil {
				return f.value, true
			}
		}
	}
	return nil, false
}
