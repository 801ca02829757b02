package schema

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// variable is a variable block being loaded.
type variable struct {
	Variable
	constraint  cty.Type
	defaults    *typeexpr.Defaults
	typed       bool // type is given
	env         string
	fallback    *cty.Value // the default
	validations []validation
	value       cty.Value // final; marked when sensitive; unknown after an error
}

// validation is one validation block.
type validation struct {
	condition, message *expression
	rng                hcl.Range
}

// decodeVariable reads a variable block. The default is evaluated, since it
// depends on nothing.
func (env *environment) decodeVariable(f *file, s *scope, b *hcl.Block) (*variable, hcl.Diagnostics) {
	v := &variable{Variable: Variable{Name: b.Labels[0], Range: b.DefRange}, constraint: cty.DynamicPseudoType, value: cty.DynamicVal}
	var diags hcl.Diagnostics
	if !hclsyntax.ValidIdentifier(v.Name) {
		diags = append(diags, errorAt(b.LabelRanges[0], "Bad variable name", "%q cannot be written as var.NAME: use letters, digits, _ and -, beginning with a letter.", v.Name))
	}
	c, d := variableSpec.content(b.Body, f.src)
	diags = append(diags, d...)
	if a := c.attributes["type"]; a != nil {
		diags = append(diags, v.decodeType(a)...)
	}
	r := reader{env: env, scope: s}
	r.string(c.attributes["description"], &v.Description)
	r.bool(c.attributes["sensitive"], &v.Sensitive)
	r.string(c.attributes["env"], &v.env)
	diags = append(diags, r.diags...)
	if a := c.attributes["default"]; a != nil {
		diags = append(diags, env.decodeDefault(v, a, s)...)
	}
	for _, vb := range c.blocks {
		diags = append(diags, env.decodeValidation(f, s, v, vb)...)
	}
	return v, diags
}

func (v *variable) decodeType(a *hcl.Attribute) hcl.Diagnostics {
	if _, isNative := a.Expr.(hclsyntax.Expression); !isNative {
		if d := guardTypeJSON(a); d != nil {
			return hcl.Diagnostics{d}
		}
	}
	ty, defaults, diags := typeexpr.TypeConstraintWithDefaults(a.Expr)
	if !diags.HasErrors() {
		v.constraint, v.defaults, v.typed = ty, defaults, true
	}
	return diags
}

// guardTypeJSON checks the text of a type constraint in JSON, which is parsed
// as native syntax.
func guardTypeJSON(a *hcl.Attribute) *hcl.Diagnostic {
	text, diags := a.Expr.Value(nil)
	if diags.HasErrors() || !text.Type().Equals(cty.String) || text.IsNull() {
		return errorAt(a.Expr.Range(), "Bad type constraint", `A type is written as a string, as in "list(string)".`)
	}
	d := guardText([]byte(text.AsString()), a.Range.Filename, a.Expr.Range().Start, hclsyntax.LexExpression)
	if d != nil {
		d.Subject = a.Expr.Range().Ptr()
	}
	return d
}

func (env *environment) decodeDefault(v *variable, a *hcl.Attribute, s *scope) hcl.Diagnostics {
	x, diags := newExpression(a.Expr, s, mayNothing, "default")
	diags = append(diags, env.analyze(x)...)
	value, d := x.evaluate(nil)
	diags = append(diags, d...)
	if value.IsWhollyKnown() {
		converted, err := v.convert(value)
		if err != nil {
			return append(diags, errorAt(a.Expr.Range(), "Bad default", "The default of variable %q does not fit its type: %s.", v.Name, err))
		}
		value = converted
	}
	v.fallback = &value
	return diags
}

func (env *environment) decodeValidation(f *file, s *scope, v *variable, b *hcl.Block) hcl.Diagnostics {
	c, diags := validationSpec.content(b.Body, f.src)
	out := validation{rng: b.DefRange}
	for name, to := range map[string]**expression{"condition": &out.condition, "error_message": &out.message} {
		a := c.attributes[name]
		if a == nil {
			diags = append(diags, errorAt(c.missing, "Missing attribute", "A validation block needs %s = …", name))
			continue
		}
		x, d := newExpression(a.Expr, s, mayVariables, name)
		diags = append(diags, d...)
		*to = x
	}
	if out.condition != nil && out.message != nil {
		v.validations = append(v.validations, out)
	}
	return diags
}

// convert makes value fit the type constraint.
func (v *variable) convert(value cty.Value) (cty.Value, error) {
	if v.defaults != nil && !value.IsNull() {
		value = v.defaults.Apply(value)
	}
	value, err := convert.Convert(value, v.constraint)
	if err == nil && tooLarge(value) {
		return cty.DynamicVal, errors.New("it has too large a number in it")
	}
	return value, err
}

// set makes value the variable's.
func (v *variable) set(value cty.Value) {
	v.value = value
	if v.Sensitive {
		v.value = value.Mark(sensitive{})
		return
	}
	if value.IsWhollyKnown() {
		v.Value = strings.TrimSpace(string(hclwrite.TokensForValue(value).Bytes()))
	}
}

// validate runs the validation blocks. All variables have their values.
func (env *environment) validate(v *variable) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, val := range v.validations {
		diags = append(diags, env.analyze(val.condition)...)
		diags = append(diags, env.analyze(val.message)...)
		ok, d := val.condition.evaluate(nil)
		diags = append(diags, d...)
		ok, _ = ok.UnmarkDeep()
		if !ok.IsKnown() {
			continue
		}
		ok, err := convert.Convert(ok, cty.Bool)
		if err != nil || ok.IsNull() {
			diags = append(diags, errorAt(val.condition.Range(), "Bad condition", "A condition is true or false."))
			continue
		}
		if ok.False() {
			d, more := val.failure(v)
			diags = append(append(diags, more...), d)
		}
	}
	return diags
}

// failure is the diagnostic for a value that does not fulfil the condition.
func (val validation) failure(v *variable) (*hcl.Diagnostic, hcl.Diagnostics) {
	text, diags := val.message.evaluate(nil)
	text, marks := text.UnmarkDeep()
	detail := "The value does not fulfil the condition."
	if len(marks) > 0 {
		detail = "The value does not fulfil the condition; the message is not shown because it uses a sensitive variable."
	} else if text, err := convert.Convert(text, cty.String); err == nil && text.IsKnown() && !text.IsNull() {
		detail = text.AsString()
	}
	d := errorAt(v.Range, "Invalid value for variable", "Variable %q: %s This was checked by the validation at %s.", v.Name, detail, at(val.rng))
	return d, diags
}
