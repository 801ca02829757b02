package schema

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// The attributes of package.NAME and of self.
var (
	packageAttributes = []string{"name", "image", "ref", "tag", "hash", "platforms"}
	selfAttributes    = []string{"name", "image", "hash"}
)

// mention is one place where an expression mentions a package.
type mention struct {
	block *packageBlock
	// key is the instance; nil is the whole block.
	key *string
	// index is the expression in package.NAME[index] when it is not constant.
	index hclsyntax.Expression
	scope *scope
	rng   hcl.Range
}

// analyze finds out what x mentions and checks it, but for packages: those
// are resolved by link once all instances are known.
func (env *environment) analyze(x *expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	if x.items != nil {
		for _, part := range x.parts() {
			diags = append(diags, env.analyze(part)...)
			x.used.sensitive = x.used.sensitive || part.used.sensitive
		}
		return diags
	}
	diags = append(diags, env.analyzeCalls(x)...)
	for _, t := range x.Variables() {
		if slices.Contains(x.params, t.RootName()) {
			continue
		}
		if d := env.analyzeTraversal(x, t); d != nil {
			x.used.bad = true
			if d.Summary != "" {
				diags = append(diags, d)
			}
		}
	}
	return diags
}

// silent stands for a mistake that may be the fault of a file that could not
// be parsed.
func silent() *hcl.Diagnostic { return &hcl.Diagnostic{} }

func (env *environment) analyzeTraversal(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	switch t.RootName() {
	case "var":
		return env.useVariable(x, t)
	case "local":
		return env.useLocal(x, t)
	case "package":
		if x.may&namePackage == 0 {
			return errorAt(t.SourceRange(), "Package not allowed here", "%s", whyNoPackage(x))
		}
		x.used.raw = append(x.used.raw, packageTraversal{t, t.SourceRange()})
		return nil
	case "each":
		return useEach(x, t)
	case "self":
		return useSelf(x, t)
	}
	return env.unknownRoot(x, t)
}

func whyNoPackage(x *expression) string {
	switch x.what {
	case "image", "for_each", "platforms":
		return x.what + " cannot mention packages: names and platforms of all packages are settled before any tag is known. Use a variable or a local."
	}
	return x.what + " cannot mention packages. Use a variable or a local."
}

func (env *environment) useVariable(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	if x.may&nameVar == 0 {
		return errorAt(t.SourceRange(), "Variable not allowed here", "%s is read before variables are; write it out.", x.what)
	}
	name, rng, ok := step(t, 1)
	if !ok {
		return errorAt(t.SourceRange(), "Variable without a name", "Write var.NAME.")
	}
	v, ok := env.variables[name]
	if !ok {
		if env.incomplete {
			return silent()
		}
		return errorAt(rng, "Unknown variable", "No variable %q is declared.%s", name,
			orElse(didYouMean(name, slices.Sorted(maps.Keys(env.variables)), prefixed("var.")), ` Declare it: variable "`+name+`" { … }`))
	}
	x.used.sensitive = x.used.sensitive || v.Sensitive
	return nil
}

func (env *environment) useLocal(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	if x.may&nameLocal == 0 {
		return errorAt(t.SourceRange(), "Local not allowed here", "%s cannot use locals.", x.what)
	}
	name, rng, ok := step(t, 1)
	if !ok {
		return errorAt(t.SourceRange(), "Local without a name", "Write local.NAME.")
	}
	l, ok := env.locals[name]
	if !ok {
		if env.incomplete {
			return silent()
		}
		return errorAt(rng, "Unknown local", "No local %q is declared.%s", name,
			didYouMean(name, slices.Sorted(maps.Keys(env.locals)), prefixed("local.")))
	}
	x.used.locals = append(x.used.locals, l)
	x.used.sensitive = x.used.sensitive || l.expr.used.sensitive
	if l.isLate() {
		if x.may&namePackage == 0 {
			return errorAt(t.SourceRange(), "Package not allowed here", "local.%s mentions a package at %s. %s", name, at(l.rng), whyNoPackage(x))
		}
		for _, raw := range l.expr.used.raw {
			x.used.raw = append(x.used.raw, packageTraversal{raw.traversal, t.SourceRange()})
		}
	}
	return nil
}

func useEach(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	if x.may&nameEach == 0 {
		return errorAt(t.SourceRange(), "each not allowed here", "each.key and each.value exist only in package blocks with for_each.")
	}
	if name, rng, ok := step(t, 1); !ok || name != "key" && name != "value" {
		return errorAt(rng, "Unknown attribute of each", "Write each.key or each.value.")
	}
	return nil
}

func useSelf(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	name, rng, ok := step(t, 1)
	if !ok {
		name = ""
	}
	switch {
	case x.may&nameSelf == 0:
		return errorAt(t.SourceRange(), "self not allowed here", "self exists only in package and defaults blocks.")
	case name == "name", name == "image" && x.may&nameImage != 0, name == "hash" && x.may&nameHash != 0:
		return nil
	case name == "image":
		return errorAt(rng, "self.image not allowed here", "%s decides the image, so it cannot use it. Use self.name.", x.what)
	case name == "hash":
		return errorAt(rng, "self.hash not allowed here", "The hash is made of everything that decides the image, %s among it; only the attribute tag can use it.", x.what)
	}
	return errorAt(rng, "Unknown attribute of self", "self has name, image and, in tag, hash.%s", didYouMean(name, selfAttributes, prefixed("self.")))
}

func (env *environment) unknownRoot(x *expression, t hcl.Traversal) *hcl.Diagnostic {
	name := t.RootName()
	rng := t.SourceRange()
	if env.incomplete {
		return silent()
	}
	if name == "count" {
		return errorAt(rng, "Unknown name", "count is not offered. Use for_each, each.key and each.value.")
	}
	if _, ok := env.variables[name]; ok {
		return errorAt(rng, "Unknown name", "There is nothing called %q here. Did you mean var.%s?", name, name)
	}
	if _, ok := env.locals[name]; ok {
		return errorAt(rng, "Unknown name", "There is nothing called %q here. Did you mean local.%s?", name, name)
	}
	if _, ok := env.blocks[name]; ok && x.may&namePackage != 0 {
		return errorAt(rng, "Unknown name", "There is nothing called %q here. Did you mean package.%s?", name, name)
	}
	return errorAt(rng, "Unknown name", "There is nothing called %q here.%s", name,
		orElse(didYouMean(name, []string{"var", "local", "package", "each", "self"}, nil), " Expressions know var, local, package, each and self; text is written in quotes."))
}

// link resolves the packages that x mentions, directly or through locals.
func (env *environment) link(x *expression) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, part := range x.parts() {
		if len(part.used.raw) == 0 {
			continue
		}
		var indexes map[hcl.Range]hclsyntax.Expression
		for _, raw := range part.used.raw {
			m, d := env.linkTraversal(part, raw)
			if d != nil {
				part.used.bad = true
				if d.Summary != "" {
					diags = append(diags, d)
				}
				continue
			}
			if m.key == nil && m.block.forEach != nil && raw.rng == raw.traversal.SourceRange() {
				if indexes == nil {
					indexes = packageIndexes(part.Expression)
				}
				m.index = indexes[raw.rng]
			}
			part.used.packages = append(part.used.packages, m)
		}
	}
	return diags
}

func (env *environment) linkTraversal(x *expression, raw packageTraversal) (mention, *hcl.Diagnostic) {
	t := raw.traversal
	m := mention{scope: x.scope, rng: raw.rng}
	name, rng, ok := step(t, 1)
	if !ok {
		return m, errorAt(t.SourceRange(), "Package without a name", "Write package.NAME, or package[\"NAME\"] with a constant name.")
	}
	m.block, ok = env.blocks[name]
	if !ok {
		if env.incomplete {
			return m, silent()
		}
		return m, errorAt(rng, "Unknown package", "No package %q is declared.%s", name,
			orElse(didYouMean(name, slices.Sorted(maps.Keys(env.blocks)), prefixed("package.")), ` Declare it: package "`+name+`" { … }`))
	}
	if m.block.forEach == nil {
		return m, checkPackageAttribute(name, t, 2)
	}
	if m.block.failed {
		return m, silent()
	}
	key, rng, ok := step(t, 2)
	if !ok {
		return m, nil
	}
	if _, isAttr := t[2].(hcl.TraverseAttr); isAttr && slices.Contains(packageAttributes, key) {
		return m, errorAt(rng, "Package has instances", "Package %q has for_each: write package.%s[\"KEY\"].%s for one of %s.", name, name, key, oneOf(m.block.keys()))
	}
	if m.block.instances[key] == nil {
		return m, errorAt(rng, "Unknown instance", "Package %q has no instance %q.%s", name, key,
			orElse(didYouMean(key, m.block.keys(), nil), " Its for_each gives: "+oneOf(m.block.keys())+"."))
	}
	m.key = &key
	return m, checkPackageAttribute(name, t, 3)
}

// checkPackageAttribute checks the attribute at position i of a traversal.
func checkPackageAttribute(name string, t hcl.Traversal, i int) *hcl.Diagnostic {
	attr, rng, ok := step(t, i)
	if !ok || slices.Contains(packageAttributes, attr) {
		return nil
	}
	if _, isIndex := t[i].(hcl.TraverseIndex); isIndex && i == 2 {
		return errorAt(rng, "Package has no instances", "Package %q has no for_each: write package.%s without an index.", name, name)
	}
	return errorAt(rng, "Unknown attribute of a package", "A package has no attribute %q.%s", attr,
		orElse(didYouMean(attr, packageAttributes, nil), " It has: "+oneOf(packageAttributes)+"."))
}

// packageIndexes finds package.NAME[index] with an index that is not
// constant, by the range of package.NAME.
func packageIndexes(e hclsyntax.Expression) map[hcl.Range]hclsyntax.Expression {
	found := map[hcl.Range]hclsyntax.Expression{}
	hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		if index, ok := n.(*hclsyntax.IndexExpr); ok {
			if c, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr); ok {
				found[c.Traversal.SourceRange()] = index.Key
			}
		}
		return nil
	})
	return found
}

// step returns the name at position i of a traversal: an attribute or a
// constant string index.
func step(t hcl.Traversal, i int) (string, hcl.Range, bool) {
	if len(t) <= i {
		return "", t.SourceRange(), false
	}
	switch s := t[i].(type) {
	case hcl.TraverseAttr:
		return s.Name, s.SrcRange, true
	case hcl.TraverseIndex:
		if s.Key.Type().Equals(cty.String) && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString(), s.SrcRange, true
		}
		return "", s.SrcRange, false
	}
	return "", t.SourceRange(), false
}

func prefixed(prefix string) func(string) string {
	return func(s string) string { return prefix + s }
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
