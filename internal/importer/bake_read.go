package importer

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/stowage-build/stowage/schema"
)

// exists says that there is such a file.
func (w *workspace) exists(name string) bool {
	info, err := fs.Stat(w.opts.Root, name)
	return err == nil && !info.IsDir()
}

func (w *workspace) content(name string) ([]byte, error) {
	content, err := fs.ReadFile(w.opts.Root, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return content, nil
}

// readNative reads a bake file in HCL's own syntax.
func (b *bake) readNative(name string, content []byte) error {
	file, diags := schema.Parse(name, content)
	if diags.HasErrors() {
		return fmt.Errorf("read %s: %w", name, diags)
	}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok {
		return fmt.Errorf("read %s: it is not in HCL's own syntax", name)
	}
	f := nativeFile{name, content}
	for _, a := range f.attributes(body) {
		b.addLocal(a)
	}
	for _, block := range body.Blocks {
		b.readBlock(f, block)
	}
	return nil
}

// nativeFile is a file that attributes are of.
type nativeFile struct {
	name    string
	content []byte
}

func (f nativeFile) at(r hcl.Range) position { return position{f.name, r.Start.Line} }

// attributes are those of a body, in its order.
func (f nativeFile) attributes(body *hclsyntax.Body) []bakeAttr {
	var all []*hclsyntax.Attribute
	for _, a := range body.Attributes {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y *hclsyntax.Attribute) int { return cmp.Compare(x.SrcRange.Start.Byte, y.SrcRange.Start.Byte) })
	var out []bakeAttr
	for _, a := range all {
		out = append(out, bakeAttr{a.Name, bakeExpr{a.Expr, f.content, f.at(a.SrcRange)}})
	}
	return out
}

func (b *bake) readBlock(f nativeFile, block *hclsyntax.Block) {
	at := f.at(block.TypeRange)
	attrs := f.attributes(block.Body)
	if len(block.Labels) != 1 {
		b.notes.add(at, "not carried over: %s: it has no name", block.Type)
		return
	}
	name := block.Labels[0]
	var validations [][]bakeAttr
	for _, inside := range block.Body.Blocks {
		if block.Type == "variable" && inside.Type == "validation" {
			validations = append(validations, f.attributes(inside.Body))
			continue
		}
		b.notes.add(f.at(inside.TypeRange), "not carried over: %s in %s %s: bake knows no such block", inside.Type, block.Type, name)
	}
	b.add(block.Type, name, at, attrs, validations)
}

// add takes in a block, or what is one in another syntax.
func (b *bake) add(kind, name string, at position, attrs []bakeAttr, validations [][]bakeAttr) {
	switch kind {
	case "variable":
		b.addVariable(name, at, attrs, validations)
	case "function":
		b.addFunction(name, at, attrs)
	case "group":
		g := b.group(name, at)
		for _, a := range attrs {
			switch a.name {
			case "targets":
				g.members = append(g.members, a)
			case "description":
				g.comment, _ = b.textValue(a.x, nil)
			default:
				b.notes.add(a.x.at, "not carried over: group %s, %s: bake knows no such attribute", name, a.name)
			}
		}
	case "target":
		t := b.target(name, at)
		t.attrs = append(t.attrs, attrs...)
	default:
		b.notes.add(at, "not carried over: %s %s: bake knows no such block", kind, name)
	}
}

// addLocal takes in an attribute outside of blocks.
func (b *bake) addLocal(a bakeAttr) {
	b.locals = slices.DeleteFunc(b.locals, func(o bakeAttr) bool { return o.name == a.name })
	b.locals = append(b.locals, a)
}

// addVariable takes in a variable; what a later file says of it goes before
// what an earlier does.
func (b *bake) addVariable(name string, at position, attrs []bakeAttr, validations [][]bakeAttr) {
	v := b.variable(name)
	if v == nil {
		v = &bakeVariable{name: name, at: at, env: true}
		b.variables = append(b.variables, v)
	}
	v.validations = append(v.validations, validations...)
	for _, a := range attrs {
		switch a.name {
		case "default":
			v.fallback = &a.x
		case "type":
			v.kind = string(a.x.Range().SliceBytes(a.x.src))
		case "description":
			v.description = &a.x
		default:
			b.notes.add(a.x.at, "not carried over: variable %s, %s: bake knows no such attribute", name, a.name)
		}
	}
}

func (b *bake) addFunction(name string, at position, attrs []bakeAttr) {
	f := &bakeFunction{name: name, at: at}
	for _, a := range attrs {
		switch a.name {
		case "params":
			for _, e := range b.elements(a.x) {
				f.params = append(f.params, keyword(e))
			}
		case "variadic_params", "variadic_param":
			f.variadic = keyword(a.x)
		case "result":
			f.result = a.x
		default:
			b.notes.add(a.x.at, "not carried over: function %s, %s: bake knows no such attribute", name, a.name)
		}
	}
	if f.result.Expression == nil || slices.Contains(f.params, "") {
		b.notes.add(at, "not carried over: function %s: it has no result, or parameters that are no names", name)
		return
	}
	b.functions[name] = f
}

// keyword is a name that stands for itself; in JSON it is a string.
func keyword(x bakeExpr) string {
	if name := hcl.ExprAsKeyword(x.Expression); name != "" {
		return name
	}
	v, diags := x.Value(nil)
	if diags.HasErrors() {
		return ""
	}
	text, _ := literalText(v)
	return text
}
