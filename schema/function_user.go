package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What functions of a workspace may do: how many of them one call may lead
// through, and how many calls loading and evaluating a workspace may take.
// Functions that call each other twice take twice as many for each of them.
const (
	maxFunctionChain = 50
	maxFunctionCalls = 1_000_000
)

// reservedNames cannot be parameters, since expressions know them.
var reservedNames = []string{"var", "local", "package", "each", "self"}

// userFunction is a function block. HCL's own decoder of such blocks is not
// used: it would not say what a function mentions, and would evaluate a
// function twice for each call of it, calls in it four times, and so on.
type userFunction struct {
	name     string
	rng      hcl.Range
	params   []string
	variadic string
	result   *expression
	// calls are the functions that the result calls, and locals those that it
	// or they mention; both sorted.
	calls  []string
	locals []string
	state  localState
	depth  int // longest chain of functions below it
	// analyzed says that result has been looked at, and that what is wrong with
	// it has been reported.
	analyzed bool
}

// declareFunction takes note of a function block.
func (l *loader) declareFunction(f *file, s *scope, b *hcl.Block) {
	c, diags := functionSpec.content(b.Body, f.src)
	l.add(diags...)
	fn := &userFunction{name: b.Labels[0], rng: b.DefRange}
	if first, ok := l.env.userFunctions[fn.name]; ok {
		l.add(duplicate("function", fn.name, b, first.rng))
		return
	}
	_, builtIn := l.env.functions[fn.name]
	_, ofFiles := fileFunctions(s)[fn.name]
	switch {
	case !hclsyntax.ValidIdentifier(fn.name):
		l.add(errorAt(b.LabelRanges[0], "Bad function name", "%q cannot be called: use letters, digits and _, beginning with a letter.", fn.name))
	case builtIn || ofFiles:
		l.add(errorAt(b.LabelRanges[0], "Function is built in", "There is a function %q already; call yours otherwise.", fn.name))
	}
	l.env.userFunctions[fn.name] = fn
	if c.attributes["params"] == nil || c.attributes["result"] == nil {
		l.add(errorAt(c.missing, "Missing attribute", "A function block needs params = [NAME, …] and result = EXPRESSION."))
		fn.variadic = "arguments" // calls are no mistakes
		fn.result = &expression{Expression: poison(b.DefRange), scope: s, used: usage{bad: true}}
		return
	}
	l.add(fn.readParams(c)...)
	fn.result, diags = newExpression(c.attributes["result"].Expr, s, mayStatic, "result")
	l.add(diags...)
	fn.result.params = fn.names()
}

// names are those of all parameters.
func (fn *userFunction) names() []string {
	if fn.variadic == "" {
		return fn.params
	}
	return append(slices.Clip(fn.params), fn.variadic)
}

// readParams reads the names of parameters, which stand there as they are.
func (fn *userFunction) readParams(c *content) hcl.Diagnostics {
	list, diags := hcl.ExprList(c.attributes["params"].Expr)
	for _, e := range list {
		name, d := fn.param(e)
		diags = append(diags, d...)
		fn.params = append(fn.params, name)
	}
	if a := c.attributes["variadic_params"]; a != nil {
		name, d := fn.param(a.Expr)
		diags = append(diags, d...)
		fn.variadic = name
	}
	return diags
}

func (fn *userFunction) param(e hcl.Expression) (string, hcl.Diagnostics) {
	name := hcl.ExprAsKeyword(e)
	switch {
	case name == "":
		return "", hcl.Diagnostics{errorAt(e.Range(), "Bad parameter", "Parameters are names, without quotes: params = [a, b].")}
	case slices.Contains(reservedNames, name):
		return name, hcl.Diagnostics{errorAt(e.Range(), "Bad parameter", "%q has a meaning in all expressions; call the parameter otherwise.", name)}
	case slices.Contains(fn.names(), name):
		return name, hcl.Diagnostics{errorAt(e.Range(), "Duplicate parameter", "There is a parameter %q already.", name)}
	}
	return name, nil
}

// offerFunctions makes the workspace's functions callable, by expressions that
// are evaluated from now on.
func (l *loader) offerFunctions() {
	if len(l.env.userFunctions) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.env.userFunctions)) {
		l.followCalls(l.env.userFunctions[name], nil)
	}
	all := maps.Clone(l.env.functions)
	for name, fn := range l.env.userFunctions {
		all[name] = fn.function(&l.env.calls)
	}
	l.env.base.Functions = all
}

// followCalls finds what fn calls and mentions, through the functions that it
// calls too. path are the functions on the way to it.
func (l *loader) followCalls(fn *userFunction, path []*userFunction) {
	switch fn.state {
	case localDone:
		return
	case localWaiting:
		l.reportFunctionCycle(path, fn)
		return
	}
	fn.state = localWaiting
	for _, t := range fn.result.Variables() {
		if name, _, ok := step(t, 1); ok && t.RootName() == "local" {
			fn.locals = append(fn.locals, name)
		}
	}
	fn.calls = l.env.callsIn(fn.result)
	for _, name := range fn.calls {
		called := l.env.userFunctions[name]
		if len(path) < maxFunctionChain {
			l.followCalls(called, append(slices.Clip(path), fn))
		}
		fn.depth = max(fn.depth, called.depth+1)
		fn.locals = mergeNames(fn.locals, called.locals)
	}
	if fn.depth > maxFunctionChain-1 {
		fn.result.used.bad = true
		l.add(errorAt(fn.rng, "Functions nested too deeply", "%s calls a chain of more than %d other functions.", fn.name, maxFunctionChain-1))
	}
	fn.locals = mergeNames(fn.locals, nil)
	fn.state = localDone
}

func (l *loader) reportFunctionCycle(path []*userFunction, fn *userFunction) {
	cycle := path[slices.Index(path, fn):]
	var text strings.Builder
	for _, c := range cycle {
		text.WriteString(c.name + " (" + at(c.rng) + ") → ")
		c.result.used.bad = true
	}
	l.add(errorAt(fn.rng, "Function calls itself", "%s%s. A function cannot be made of itself: use a for expression over a list.", text.String(), fn.name))
}

// callsIn are the workspace's functions that an expression calls, sorted.
func (env *environment) callsIn(x *expression) []string {
	if len(env.userFunctions) == 0 {
		return nil
	}
	var names []string
	_ = hclsyntax.VisitAll(x.Expression, func(n hclsyntax.Node) hcl.Diagnostics { // which finds nothing wrong
		if call, ok := n.(*hclsyntax.FunctionCallExpr); ok && env.userFunctions[call.Name] != nil {
			names = append(names, call.Name)
		}
		return nil
	})
	return mergeNames(names, nil)
}

// analyzeCalls has x mention what the functions that it calls mention.
func (env *environment) analyzeCalls(x *expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, name := range env.callsIn(x) {
		fn := env.userFunctions[name]
		if x.may&nameVar == 0 || x.may&nameLocal == 0 && len(fn.locals) > 0 {
			x.used.bad = true
			diags = append(diags, errorAt(x.Range(), "Function not allowed here", "%s cannot call %s, which uses variables or locals at %s.", x.what, name, at(fn.rng)))
			continue
		}
		diags = append(diags, env.analyzeFunction(fn)...)
		x.used.locals = append(x.used.locals, fn.result.used.locals...)
		x.used.sensitive = x.used.sensitive || fn.result.used.sensitive
		x.used.bad = x.used.bad || fn.result.used.bad
	}
	return diags
}

// analyzeFunction looks at a function once. The locals that it mentions have
// been looked at.
func (env *environment) analyzeFunction(fn *userFunction) hcl.Diagnostics {
	if fn.analyzed {
		return nil
	}
	fn.analyzed = true
	return env.analyze(fn.result)
}

// analyzeFunctions looks at the functions that nothing has called yet.
func (l *loader) analyzeFunctions() {
	for _, name := range slices.Sorted(maps.Keys(l.env.userFunctions)) {
		l.add(l.env.analyzeFunction(l.env.userFunctions[name])...)
	}
}

// function is fn as expressions call it. It says nothing about the type of its
// result, so that it is evaluated once for a call.
func (fn *userFunction) function(calls *atomic.Int64) function.Function {
	param := func(name string) function.Parameter {
		return function.Parameter{Name: name, Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true}
	}
	spec := &function.Spec{
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if calls.Add(1) > maxFunctionCalls {
				return cty.DynamicVal, fmt.Errorf("the workspace's functions are called more than %d times", maxFunctionCalls)
			}
			return fn.call(args)
		},
	}
	for _, name := range fn.params {
		spec.Params = append(spec.Params, param(name))
	}
	if fn.variadic != "" {
		p := param(fn.variadic)
		spec.VarParam = &p
	}
	return function.New(spec)
}

func (fn *userFunction) call(args []cty.Value) (cty.Value, error) {
	variables := map[string]cty.Value{}
	for i, name := range fn.params {
		variables[name] = args[i]
	}
	if fn.variadic != "" {
		variables[fn.variadic] = cty.TupleVal(args[len(fn.params):])
	}
	locals := map[string]cty.Value{}
	for _, l := range fn.result.used.locals {
		locals[l.name] = l.value
	}
	if len(locals) > 0 {
		variables["local"] = cty.ObjectVal(locals)
	}
	v, diags := fn.result.evaluate(variables)
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			return cty.DynamicVal, fmt.Errorf("at %s: %s: %s", at(subject(d)), d.Summary, strings.TrimSuffix(d.Detail, "."))
		}
	}
	return v, nil
}
