package schema

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// reader turns expressions into Go values and collects what is wrong with
// them. An attribute that is null counts as not set.
type reader struct {
	env   *environment
	scope *scope
	may   names
	// variables are what expressions know besides var and local.
	variables map[string]cty.Value
	// instance is the package instance being read, for messages.
	instance string
	diags    hcl.Diagnostics
	// unknown says that a value depends on what is not known yet (another
	// package's tag) or on something already reported.
	unknown bool
}

func (r *reader) fail(rng hcl.Range, summary, detail string, args ...any) {
	r.report(errorAt(rng, summary, detail, args...))
}

func (r *reader) report(diags ...*hcl.Diagnostic) {
	for _, d := range diags {
		if r.instance != "" {
			d.Extra = instanceNote(r.instance)
		}
		r.diags = append(r.diags, d)
	}
}

// located is a string with the place it was written at.
type located struct {
	text string
	rng  hcl.Range
}

// raw evaluates x. It returns false after an error and for null.
func (r *reader) raw(x *expression) (cty.Value, bool) {
	v, diags := x.evaluate(r.variables)
	r.report(diags...)
	if diags.HasErrors() || x.used.bad {
		r.unknown = true
		return cty.DynamicVal, false
	}
	return v, v.IsMarked() || !v.IsNull()
}

// value evaluates x to something wholly known that is not sensitive.
func (r *reader) value(x *expression) (cty.Value, bool) {
	v, ok := r.raw(x)
	if !ok {
		return v, false
	}
	return r.settled(v, x.Range(), x.what)
}

// settled checks that v is wholly known, not null and not sensitive.
func (r *reader) settled(v cty.Value, rng hcl.Range, what string) (cty.Value, bool) {
	if v.ContainsMarked() {
		r.fail(rng, "Sensitive value not allowed here", "%s ends up where it can be read (in names, images, plans or logs), so it cannot use a sensitive variable. Sensitive values may be used in args; for real secrets use a secret block.", what)
		return v, false
	}
	if v.IsNull() {
		return v, false
	}
	if !v.IsWhollyKnown() {
		r.unknown = true
		return v, false
	}
	return v, true
}

func (r *reader) asString(x *expression) (string, bool) {
	v, ok := r.raw(x)
	if !ok {
		return "", false
	}
	return r.settledText(v, x.Range(), x.what)
}

// settledText is settled and text; a value that can be no string is reported
// even before it is known.
func (r *reader) settledText(v cty.Value, rng hcl.Range, what string) (string, bool) {
	if t := v.Type(); t != cty.DynamicPseudoType && !t.IsPrimitiveType() {
		r.fail(rng, "Wrong type", "%s is a string, not %s.", what, friendly(v))
		return "", false
	}
	v, ok := r.settled(v, rng, what)
	if !ok {
		return "", false
	}
	return r.text(v, rng, what)
}

// text converts a known value to a string.
func (r *reader) text(v cty.Value, rng hcl.Range, what string) (string, bool) {
	if tooLarge(v) {
		r.fail(rng, "Number too large", "%s is too large a number, or infinite; is something divided by zero?", what)
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		r.fail(rng, "Wrong type", "%s is a string, not %s.", what, friendly(v))
		return "", false
	}
	if strings.ContainsRune(s.AsString(), 0) {
		r.fail(rng, "NUL in a string", "%s contains the character NUL, which no image or file name can have.", what)
		return "", false
	}
	return s.AsString(), true
}

// maxExponent bounds, in bits, numbers that are written out: 1e999999999 has
// as many digits as that.
const maxExponent = 1 << 16

// tooLarge reports a number anywhere in v that must not be written out.
func tooLarge(v cty.Value) bool {
	if v.Type() == cty.String || v.Type() == cty.Bool {
		return false
	}
	found := false
	_ = cty.Walk(v, func(_ cty.Path, e cty.Value) (bool, error) {
		e, _ = e.Unmark()
		if e.Type() == cty.Number && e.IsKnown() && !e.IsNull() {
			f := e.AsBigFloat()
			found = found || f.IsInf() || abs(f.MantExp(nil)) > maxExponent
		}
		return !found, nil // nothing fails
	})
	return found
}

func friendly(v cty.Value) string {
	name := v.Type().FriendlyName()
	if strings.ContainsAny(name[:1], "aeiou") {
		return "an " + name
	}
	return "a " + name
}

func (r *reader) asBool(x *expression) (value, ok bool) {
	v, ok := r.value(x)
	if !ok {
		return false, false
	}
	b, err := convert.Convert(v, cty.Bool)
	if err != nil {
		r.fail(x.Range(), "Wrong type", "%s is true or false, not %s.", x.what, friendly(v))
		return false, false
	}
	return b.True(), true
}

// asNumber reads a number from low to high.
func (r *reader) asNumber(x *expression, low, high float64) (float64, bool) {
	v, ok := r.value(x)
	if !ok {
		return 0, false
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil {
		r.fail(x.Range(), "Wrong type", "%s is a number, not %s.", x.what, friendly(v))
		return 0, false
	}
	f, _ := n.AsBigFloat().Float64()
	if f < low || f > high {
		r.fail(x.Range(), "Number out of range", "%s is a number from %v to %v.", x.what, low, big.NewFloat(high))
		return 0, false
	}
	return f, true
}

// asInt reads a whole number from low to high.
func (r *reader) asInt(x *expression, low, high int) (int, bool) {
	f, ok := r.asNumber(x, float64(low), float64(high))
	if ok && f != float64(int(f)) {
		r.fail(x.Range(), "Number out of range", "%s is a whole number from %d to %d.", x.what, low, high)
		return 0, false
	}
	return int(f), ok
}

// asDuration reads a Go duration of at least low.
func (r *reader) asDuration(x *expression, low time.Duration) (time.Duration, bool) {
	s, ok := r.asString(x)
	if !ok {
		return 0, false
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		r.fail(x.Range(), "Bad duration", "%s is a duration such as \"90s\", \"30m\" or \"24h\" (the units are ms, s, m and h), not %q.", x.what, s)
		return 0, false
	}
	if d < low {
		r.fail(x.Range(), "Bad duration", "%s must be at least %s.", x.what, low)
		return 0, false
	}
	return d, true
}

// asChoice reads one of values.
func (r *reader) asChoice(x *expression, values ...string) (string, bool) {
	s, ok := r.asString(x)
	if !ok {
		return "", false
	}
	if !slices.Contains(values, s) {
		r.fail(x.Range(), "Unknown value", "%s is %s, not %q.%s", x.what, oneOf(values), s, didYouMean(s, values, nil))
		return "", false
	}
	return s, true
}

// asStrings reads a list or set of strings.
func (r *reader) asStrings(x *expression) ([]located, bool) {
	v, ok := r.value(x)
	if !ok {
		return nil, false
	}
	if !isSequence(v.Type()) {
		r.fail(x.Range(), "Wrong type", "%s is a list of strings, not %s. Write [%s…].", x.what, friendly(v), `"…", `)
		return nil, false
	}
	out := []located{}
	for i, e := range v.AsValueSlice() {
		rng := x.elementRange(i)
		if e.IsNull() {
			r.fail(rng, "Wrong type", "%s is a list of strings; an element of it is null.", x.what)
			continue
		}
		if s, ok := r.text(e, rng, "an element of "+x.what); ok {
			out = append(out, located{s, rng})
		}
	}
	return out, true
}

// elementRange is where element i of a list is written, when it is a literal list.
func (x *expression) elementRange(i int) hcl.Range {
	if t, ok := x.Expression.(*hclsyntax.TupleConsExpr); ok && i < len(t.Exprs) {
		return t.Exprs[i].Range()
	}
	return x.Range()
}

func isSequence(t cty.Type) bool {
	return t.IsTupleType() || t.IsListType() || t.IsSetType()
}

func isMapping(t cty.Type) bool { return t.IsObjectType() || t.IsMapType() }

func texts(list []located) []string {
	out := make([]string, len(list))
	for i, l := range list {
		out[i] = l.text
	}
	return out
}

// expression wraps, and checks, an attribute read right away; nil when it is
// not set.
func (r *reader) expression(a *hcl.Attribute, what string) *expression {
	if a == nil {
		return nil
	}
	x, diags := newExpression(a.Expr, r.scope, r.may, what)
	diags = append(diags, r.env.analyze(x)...)
	r.report(diags...)
	return x
}

// string reads an attribute that may be left out.
func (r *reader) string(a *hcl.Attribute, to *string) bool {
	if x := r.attribute(a); x != nil {
		if s, ok := r.asString(x); ok {
			*to = s
			return true
		}
	}
	return false
}

func (r *reader) bool(a *hcl.Attribute, to *bool) {
	if x := r.attribute(a); x != nil {
		if b, ok := r.asBool(x); ok {
			*to = b
		}
	}
}

func (r *reader) attribute(a *hcl.Attribute) *expression {
	if a == nil {
		return nil
	}
	return r.expression(a, a.Name)
}

// require reports an attribute that a block must have.
func (r *reader) require(c *content, spec *bodySpec, name, example string) {
	if c.attributes[name] == nil {
		r.fail(c.missing, "Missing attribute", "%s needs %s.", strings.ToUpper(spec.where[:1])+spec.where[1:], fmt.Sprintf("%s = %s", name, example))
	}
}
