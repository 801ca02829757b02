package importer

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// bakeExpr is an expression, and the text that its range is of.
type bakeExpr struct {
	hclsyntax.Expression
	src []byte
	at  position
}

// part is an expression inside of x.
func (x bakeExpr) part(e hclsyntax.Expression) bakeExpr {
	return bakeExpr{e, x.src, position{x.at.file, e.Range().Start.Line}}
}

// parseExpr reads an expression that has been made for a line of a file.
func parseExpr(text string, at position) (bakeExpr, error) {
	e, diags := hclsyntax.ParseExpression([]byte(text), at.file, hcl.Pos{Line: at.line, Column: 1})
	if diags.HasErrors() {
		return bakeExpr{}, fmt.Errorf("%s:%d: %s: %s", at.file, at.line, diags[0].Summary, diags[0].Detail)
	}
	return bakeExpr{e, []byte(text), at}, nil
}

func (x bakeExpr) isNull() bool {
	l, ok := x.Expression.(*hclsyntax.LiteralValueExpr)
	return ok && l.Val.IsNull()
}

// scope says what names mean here: the expressions to write in their place.
type scope map[string]string

// text is the expression as it is written here: names have their new meaning.
func (b *bake) text(x bakeExpr, s scope) string {
	if w, ok := x.Expression.(*hclsyntax.TemplateWrapExpr); ok {
		text := b.text(x.part(w.Wrapped), s)
		if strings.Contains(text, "\n") {
			return "(" + text + ")"
		}
		return text
	}
	type edit struct {
		end  int
		text string
	}
	edits := map[int]edit{}
	for _, t := range x.Variables() {
		root := t[0].(hcl.TraverseRoot)
		from, end := root.SrcRange.Start.Byte, root.SrcRange.End.Byte
		if name, attr, ok := targetAttribute(t); ok {
			edits[from] = edit{t[2].SourceRange().End.Byte, b.attributeOf(name, attr, position{x.at.file, root.SrcRange.Start.Line})}
			continue
		}
		if text, ok := s[root.Name]; ok {
			edits[from] = edit{end, text}
		} else if text := b.global(root.Name); text != "" {
			edits[from] = edit{end, text}
		}
	}
	b.noteCalls(x)
	rng := x.Range()
	var out strings.Builder
	at := rng.Start.Byte
	for _, from := range slices.Sorted(maps.Keys(edits)) {
		if from < at || from >= rng.End.Byte {
			continue
		}
		out.Write(x.src[at:from])
		out.WriteString(edits[from].text)
		at = edits[from].end
	}
	out.Write(x.src[at:max(at, rng.End.Byte)])
	return out.String()
}

// targetAttribute takes target.NAME.ATTRIBUTE apart.
func targetAttribute(t hcl.Traversal) (name, attr string, ok bool) {
	if len(t) < 3 || t.RootName() != "target" {
		return "", "", false
	}
	names := make([]string, 2)
	for i, step := range t[1:3] {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			names[i] = step.Name
		case hcl.TraverseIndex:
			if step.Key.Type() != cty.String {
				return "", "", false
			}
			names[i] = step.Key.AsString()
		}
	}
	return names[0], names[1], true
}

// attributeOf writes what another target says in the place of its name.
func (b *bake) attributeOf(name, attr string, at position) string {
	if t := b.find(name); t != nil && len(t.dimensions) == 0 {
		if list := b.effective(t)[attr]; len(list) > 0 {
			if len(list) > 1 {
				b.notes.add(at, "target.%s.%s is what %s says last, without what it inherits", name, attr, name)
			}
			return "(" + b.text(list[len(list)-1], nil) + ")"
		}
	}
	switch attr {
	case "context":
		return `"."`
	case "dockerfile":
		return `"Dockerfile"`
	}
	b.notes.add(at, "not carried over: target.%s.%s: there is none", name, attr)
	return "null"
}

// elements are those of a list; of another expression it is the expression.
func (b *bake) elements(x bakeExpr) []bakeExpr {
	list, ok := unwrap(x.Expression).(*hclsyntax.TupleConsExpr)
	if !ok {
		return []bakeExpr{x}
	}
	out := make([]bakeExpr, len(list.Exprs))
	for i, e := range list.Exprs {
		out[i] = x.part(e)
	}
	return out
}

func isList(x bakeExpr) bool {
	_, ok := unwrap(x.Expression).(*hclsyntax.TupleConsExpr)
	return ok
}

func unwrap(e hclsyntax.Expression) hclsyntax.Expression {
	for {
		p, ok := e.(*hclsyntax.ParenthesesExpr)
		if !ok {
			return e
		}
		e = p.Expression
	}
}

// bakeField is KEY=VALUE, or an entry of an object.
type bakeField struct {
	key   string
	value template
	at    position
}

// entries are those of an object whose keys are literal.
func (b *bake) entries(x bakeExpr) ([]bakeAttr, bool) {
	object, ok := unwrap(x.Expression).(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, false
	}
	var out []bakeAttr
	for _, item := range object.Items {
		key, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || key.IsNull() || !key.IsKnown() || key.Type() != cty.String {
			return nil, false
		}
		out = append(out, bakeAttr{key.AsString(), x.part(item.ValueExpr)})
	}
	return out, true
}

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
	case v.IsNull():
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
