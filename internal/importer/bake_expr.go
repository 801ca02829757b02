package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/stowage-build/stowage/schema"
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
	if _, diags := schema.Parse("x.hcl", []byte("x = "+text+"\n")); diags.HasErrors() { // it knows what is too deep
		return bakeExpr{}, fmt.Errorf("%s:%d: %s: %s", at.file, at.line, diags[0].Summary, diags[0].Detail)
	}
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
	busy := "target." + name + "." + attr
	if t := b.find(name); t != nil && len(t.dimensions) == 0 && !b.busy[busy] {
		b.busy[busy] = true
		defer delete(b.busy, busy)
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
