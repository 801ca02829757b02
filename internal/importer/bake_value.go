package importer

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/stowage-build/stowage/schema"
)

// bakeVariable is a variable.
type bakeVariable struct {
	name string
	at   position
	// kind is the type's expression, "" if there is none. fallback is the
	// default; nil if there is none.
	kind        string
	fallback    *bakeExpr
	description *bakeExpr
	validations [][]bakeAttr
	evaluating  bool
	// env is false for those that bake makes itself.
	env bool
}

// bakeFunction is a function.
type bakeFunction struct {
	name     string
	at       position
	params   []string
	variadic string
	result   bakeExpr
	calling  int
}

// builtIn are the variables that bake has of itself, with the values that stand
// for them.
func builtIn(name string) (string, bool) {
	switch name {
	case "BAKE_CMD_CONTEXT":
		return ".", true
	case "BAKE_LOCAL_PLATFORM":
		return nativePlatform, true
	}
	return "", false
}

// sanitize is what bake's function of that name does.
const sanitize = `regex_replace(name, "[^a-zA-Z0-9_-]", "_")`

func (b *bake) variable(name string) *bakeVariable {
	i := slices.IndexFunc(b.variables, func(v *bakeVariable) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return b.variables[i]
}

// global is the expression for a name that is bound nowhere; "" for one that
// is not known.
func (b *bake) global(name string) string {
	if slices.ContainsFunc(b.locals, func(a bakeAttr) bool { return a.name == name }) {
		return "local." + name
	}
	v := b.variable(name)
	if v == nil {
		value, ok := builtIn(name)
		if !ok {
			return ""
		}
		x, err := parseExpr(quote(value), position{})
		if err != nil {
			return ""
		}
		v = &bakeVariable{name: name, fallback: &x}
		b.variables = append(b.variables, v)
		b.notes.add(position{}, "%s, which bake sets by itself, is the variable %s here, with the default %s", name, name, value)
	}
	if b.derived(v) {
		return "local." + name
	}
	return "var." + name
}

// derived says that a variable's default is made of others: here it is a local
// that takes the variable's place.
func (b *bake) derived(v *bakeVariable) bool {
	if v.fallback == nil {
		return false
	}
	if len(v.fallback.Variables()) > 0 {
		return true
	}
	return slices.ContainsFunc(calls(*v.fallback), func(name string) bool { return b.functions[name] != nil || name == "sanitize" })
}

// calls are the names of the functions that an expression calls.
func calls(x bakeExpr) []string {
	var out []string
	_ = hclsyntax.VisitAll(x.Expression, func(n hclsyntax.Node) hcl.Diagnostics {
		if c, ok := n.(*hclsyntax.FunctionCallExpr); ok {
			out = append(out, c.Name)
		}
		return nil
	})
	return out
}

// noteCalls makes the functions that bake has and Stowage lacks.
func (b *bake) noteCalls(x bakeExpr) {
	if b.functions["sanitize"] != nil || !slices.Contains(calls(x), "sanitize") {
		return
	}
	result, err := parseExpr(sanitize, x.at)
	if err != nil {
		return
	}
	b.functions["sanitize"] = &bakeFunction{name: "sanitize", at: x.at, params: []string{"name"}, result: result}
	b.offer()
}

// offer makes the workspace's functions callable here.
func (b *bake) offer() {
	for name, f := range schema.Functions() {
		b.callable[name] = f
	}
	for name, f := range b.functions {
		b.callable[name] = b.function(f)
	}
}

// maxCalls bounds how deeply functions may call each other.
const maxCalls = 20

func (b *bake) function(f *bakeFunction) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "arguments", Type: cty.DynamicPseudoType, AllowNull: true},
		Type:     function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if len(args) < len(f.params) || len(args) > len(f.params) && f.variadic == "" {
				return cty.DynamicVal, fmt.Errorf("%s has %d parameters", f.name, len(f.params))
			}
			if f.calling++; f.calling > maxCalls {
				return cty.DynamicVal, fmt.Errorf("%s calls itself", f.name)
			}
			defer func() { f.calling-- }()
			values := map[string]cty.Value{}
			for i, p := range f.params {
				values[p] = args[i]
			}
			if f.variadic != "" {
				values[f.variadic] = cty.TupleVal(args[len(f.params):])
			}
			v, ok := b.value(f.result, values)
			if !ok {
				return cty.DynamicVal, fmt.Errorf("%s cannot be evaluated here", f.name)
			}
			return v, nil
		},
	})
}

// value evaluates an expression as bake does when nothing is set from outside.
// It is not ok when it fails, or takes part of what is not known here.
func (b *bake) value(x bakeExpr, more map[string]cty.Value) (cty.Value, bool) {
	vars := map[string]cty.Value{}
	for _, t := range x.Variables() {
		name := t.RootName()
		if v, ok := more[name]; ok {
			vars[name] = v
		} else if v, ok := b.globalValue(name); ok {
			vars[name] = v
		}
	}
	b.noteCalls(x)
	v, diags := x.Value(&hcl.EvalContext{Variables: vars, Functions: b.callable})
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

func (b *bake) globalValue(name string) (cty.Value, bool) {
	if i := slices.IndexFunc(b.locals, func(a bakeAttr) bool { return a.name == name }); i >= 0 {
		busy := "local." + name
		if b.busy[busy] {
			return cty.DynamicVal, false
		}
		b.busy[busy] = true
		defer delete(b.busy, busy)
		return b.value(b.locals[i].x, nil)
	}
	v := b.variable(name)
	if v == nil {
		text, ok := builtIn(name)
		return cty.StringVal(text), ok
	}
	if v.fallback == nil {
		return cty.StringVal(""), true
	}
	if v.evaluating {
		return cty.DynamicVal, false
	}
	v.evaluating = true
	defer func() { v.evaluating = false }()
	return b.value(*v.fallback, nil)
}

// textValue evaluates to a string.
func (b *bake) textValue(x bakeExpr, more map[string]cty.Value) (string, bool) {
	v, ok := b.value(x, more)
	if !ok || v.IsNull() {
		return "", false
	}
	v, err := convert.Convert(v, cty.String)
	if err != nil || v.IsNull() {
		return "", false
	}
	return v.AsString(), true
}

// texts evaluates to a list of strings.
func (b *bake) texts(x bakeExpr, more map[string]cty.Value) ([]string, bool) {
	v, ok := b.value(x, more)
	if !ok || v.IsNull() || !v.CanIterateElements() {
		return nil, false
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		e, err := convert.Convert(e, cty.String)
		if err != nil || e.IsNull() {
			return nil, false
		}
		out = append(out, e.AsString())
	}
	return out, true
}
