package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// autoFiles is the pattern of files of variable values that are read without
// being named.
const autoFiles = "*.auto.stowage.hclvars"

// assignment is one value for a variable from outside its block.
type assignment struct {
	value cty.Value
	text  *string // a value still to be parsed by the variable's type
	rng   hcl.Range
	from  string // for messages: "--var", "environment variable X", …
	flag  bool   // --var or --var-file
}

// assign gives every variable its value: default, environment, automatic
// files, files, flags; the last one wins.
func (l *loader) assign() {
	values := map[string]assignment{}
	l.fromEnvironment(values)
	l.fromAutoFiles(values)
	for _, f := range l.opts.VarFiles {
		l.fromFile(values, f.Name, f.Content, true)
	}
	l.fromFlags(values)
	for _, name := range slices.Sorted(maps.Keys(l.env.variables)) {
		v := l.env.variables[name]
		a, given := values[name]
		switch {
		case given:
			l.add(v.accept(a)...)
			v.FromFlag = a.flag
		case v.fallback != nil:
			v.set(*v.fallback)
		default:
			l.add(errorAt(v.Range, "Missing value", "Variable %q has no default and was given no value: set it with --var %s=…, in a file with --var-file, or as STOWAGE_VAR_%s.", name, name, name))
		}
	}
}

func (l *loader) fromEnvironment(values map[string]assignment) {
	if l.opts.Getenv == nil {
		return
	}
	for name, v := range l.env.variables {
		for _, key := range []string{v.env, "STOWAGE_VAR_" + name} {
			if key == "" {
				continue
			}
			if text, ok := l.opts.Getenv(key); ok {
				values[name] = assignment{text: &text, rng: outside("environment variable " + key), from: "environment variable " + key}
			}
		}
	}
}

func (l *loader) fromAutoFiles(values map[string]assignment) {
	matches, err := fs.Glob(l.env.fsys, autoFiles)
	if err != nil {
		return // the pattern is constant and well-formed
	}
	slices.Sort(matches)
	for _, name := range matches {
		src, err := l.env.readLimited(name)
		if err != nil {
			l.add(errorAt(pointRange(name, 1, 1, 0), "Cannot read file", "%s: %s.", name, cause(err)))
			continue
		}
		l.fromFile(values, name, src, false)
	}
}

// fromFile reads NAME = value lines.
func (l *loader) fromFile(values map[string]assignment, name string, src []byte, flag bool) {
	l.files[name] = &hcl.File{Bytes: src}
	parsed, diags := parseSource(name, src)
	if diags.HasErrors() {
		l.add(diags...)
		return
	}
	attributes, diags := parsed.Body.JustAttributes()
	l.add(diags...)
	for _, a := range attributes {
		v, ok := l.env.variables[a.Name]
		if !ok {
			l.undeclared(warningAt, a.NameRange, a.Name)
			continue
		}
		x, diags := newExpression(a.Expr, l.env.newScope(".", src), mayNothing, "a file of variable values")
		diags = append(diags, l.env.analyze(x)...)
		value, d := cty.DynamicVal, hcl.Diagnostics(nil)
		if !x.used.bad {
			value, d = x.Value(&hcl.EvalContext{})
		}
		x.used.sensitive = v.Sensitive
		for _, d := range d {
			x.clean(d)
		}
		l.add(append(diags, d...)...)
		values[a.Name] = assignment{value: value, rng: a.Expr.Range(), from: name, flag: flag}
	}
}

func (l *loader) fromFlags(values map[string]assignment) {
	for _, given := range l.opts.Vars {
		rng := outside("--var " + given.Name)
		if _, ok := l.env.variables[given.Name]; !ok {
			if !l.opts.AnyVars {
				l.undeclared(errorAt, rng, given.Name)
			}
			continue
		}
		values[given.Name] = assignment{text: &given.Value, rng: rng, from: "--var", flag: true}
	}
}

func (l *loader) undeclared(severity func(hcl.Range, string, string, ...any) *hcl.Diagnostic, rng hcl.Range, name string) {
	if l.env.incomplete {
		return
	}
	l.add(severity(rng, "Undeclared variable", "A value was given for %q, but no variable of this name is declared.%s", name,
		orElse(didYouMean(name, slices.Sorted(maps.Keys(l.env.variables)), nil), ` Declare it: variable "`+name+`" { … }`)))
}

// accept parses and converts a value. Messages about sensitive values point
// at the declaration, so that no excerpt shows the value.
func (v *variable) accept(a assignment) hcl.Diagnostics {
	bad := func(why string) hcl.Diagnostics {
		if v.Sensitive {
			return hcl.Diagnostics{errorAt(v.Range, "Invalid value for variable", "The value from %s for the sensitive variable %q does not fit its type.", a.from, v.Name)}
		}
		return hcl.Diagnostics{errorAt(a.rng, "Invalid value for variable", "The value from %s for variable %q does not fit its type, declared at %s: %s.", a.from, v.Name, at(v.Range), why)}
	}
	value := a.value
	if a.text != nil {
		parsed, why := v.parse(*a.text)
		if why != "" {
			return bad(why)
		}
		value = parsed
	}
	if !value.IsWhollyKnown() {
		return nil // reported
	}
	value, err := v.convert(value)
	if err != nil {
		return bad(err.Error())
	}
	v.set(value)
	return nil
}

// parse reads a value given as text: as it is for strings and variables
// without a type, else as an HCL expression.
func (v *variable) parse(text string) (value cty.Value, why string) {
	if v.constraint == cty.String || !v.typed {
		return cty.StringVal(text), ""
	}
	const name = "value"
	if len(text) > maxFileSize || checkText(name, []byte(text)) != nil || guardText([]byte(text), name, start, hclsyntax.LexExpression) != nil {
		return cty.DynamicVal, "it is too large, nests too deeply or is not text"
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), name, start)
	if !diags.HasErrors() {
		value, diags = e.Value(nil)
	}
	if diags.HasErrors() {
		return cty.DynamicVal, fmt.Sprintf("%q is no HCL expression without names and functions; strings in it need quotes", strings.ToValidUTF8(text, "?"))
	}
	return value, ""
}

// outside is the place of something that stands in no file.
func outside(name string) hcl.Range {
	return hcl.Range{Filename: name, Start: start, End: start}
}
