package schema

import (
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// environment is what all expressions of a workspace share. It is written
// while loading and, but for calls, only read afterwards.
type environment struct {
	fsys      fs.FS
	git       Git
	functions map[string]function.Function
	// userFunctions are the workspace's own, and calls counts calls of them.
	userFunctions map[string]*userFunction
	calls         atomic.Int64
	variables     map[string]*variable
	locals        map[string]*local
	blocks        map[string]*packageBlock
	// known are the types of paths that were found while loading.
	known map[string]fs.FileMode
	// base holds var and the locals that mention no package.
	base *hcl.EvalContext
	// incomplete says that a file could not be parsed: what an expression
	// mentions may be declared there, so that nothing is said about names.
	incomplete bool
}

// scope is where an expression stands: file functions are relative to its
// directory.
type scope struct {
	dir string
	src []byte // of the file
	env *environment
	// context returns the environment's context with the directory's functions.
	context func() *hcl.EvalContext
}

func (env *environment) newScope(dir string, src []byte) *scope {
	s := &scope{dir: dir, src: src, env: env}
	s.context = sync.OnceValue(func() *hcl.EvalContext {
		ctx := env.base.NewChild()
		if mayCallFileFunctions(src) {
			ctx.Functions = fileFunctions(s)
		}
		return ctx
	})
	return s
}

// child is a context for the scope with more variables.
func (s *scope) child(variables map[string]cty.Value) *hcl.EvalContext {
	ctx := s.context().NewChild()
	ctx.Variables = variables
	return ctx
}

// sensitive marks values that come from sensitive variables.
type sensitive struct{}

// evaluate evaluates an expression that analyze has looked at. After an error
// (reported here or before) the value is unknown.
func (x *expression) evaluate(variables map[string]cty.Value) (v cty.Value, diags hcl.Diagnostics) {
	if x.used.bad {
		return cty.DynamicVal, nil
	}
	defer func() {
		// A library's fault must not take the process down with it.
		if r := recover(); r != nil {
			v, diags = cty.DynamicVal, hcl.Diagnostics{errorAt(x.Range(), "Cannot evaluate expression",
				"Evaluating %s failed inside the expression library (%T). Write it differently.", x.what, r)}
		}
	}()
	v, diags = x.Value(x.scope.child(variables))
	for _, d := range diags {
		x.clean(d)
	}
	if diags.HasErrors() {
		v = cty.DynamicVal
	}
	return v, diags
}

// clean takes values out of a diagnostic of HCL's when they could be
// sensitive, and the evaluation context, which would print them.
func (x *expression) clean(d *hcl.Diagnostic) {
	d.EvalContext, d.Expression = nil, nil
	if !x.used.sensitive {
		return
	}
	what := "Evaluation"
	if extra, ok := hcl.DiagnosticExtra[hclsyntax.FunctionCallDiagExtra](d); ok {
		what = fmt.Sprintf("The call of %s", extra.CalledFunctionName())
	}
	d.Detail = what + " failed; why is not shown because the expression uses a sensitive variable."
	d.Extra = nil
}
