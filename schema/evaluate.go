package schema

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// packageType is the type of package.NAME in expressions.
var packageType = cty.Object(map[string]cty.Type{
	"name": cty.String, "image": cty.String, "ref": cty.String, "tag": cty.String, "hash": cty.String,
	"platforms": cty.List(cty.String),
})

// evaluation evaluates one package's attributes.
type evaluation struct {
	reader
	decl   *Declaration
	merged *merged
	out    *Package
	// identity answers for other packages; nil while loading, when their tags
	// are not known.
	identity func(name string) (Identity, bool)
	late     map[*local]cty.Value
	// contextMissing says that context could not be read (yet), so that
	// nothing can be said about the Dockerfile.
	contextMissing bool
	// selfMentioned says that the package refers to itself; this is reported,
	// and evaluation goes on as if it could.
	selfMentioned bool
}

func (env *environment) newEvaluation(d *Declaration, identity func(string) (Identity, bool)) *evaluation {
	ev := &evaluation{
		reader: reader{env: env, scope: d.block.scope, variables: map[string]cty.Value{}},
		decl:   d, merged: d.merged, identity: identity, late: map[*local]cty.Value{},
	}
	self := map[string]cty.Value{"name": cty.StringVal(d.Name), "image": cty.StringVal(d.Repository)}
	if identity == nil {
		self["hash"] = cty.UnknownVal(cty.String)
	}
	ev.variables["self"] = cty.ObjectVal(self)
	if d.each != nil {
		ev.variables["each"] = d.each.object()
		ev.instance = d.Name
	}
	return ev
}

// evaluatePackages links what packages mention, evaluates all attributes that
// need no other package's tag, and checks the result.
func (l *loader) evaluatePackages(ws *Workspace) {
	for _, local := range l.env.locals {
		l.add(l.env.link(local.expr)...)
	}
	for _, d := range l.defaults {
		d.expressions(func(x *expression) { l.add(l.env.link(x)...) })
	}
	diags := make([]hcl.Diagnostics, len(l.packages))
	parallel(len(l.packages), func(i int) {
		b := l.packages[i]
		b.own.expressions(func(x *expression) { diags[i] = append(diags[i], l.env.link(x)...) })
		b.merged.findEffective()
		for _, d := range b.declarations() {
			if d.merged != b.merged {
				d.merged.findEffective()
			}
			ev := l.env.newEvaluation(d, nil)
			ev.out = newPackage(d, ws.Platforms)
			ev.prepare()
			d.prototype, d.pending = ev.out, ev.run(attributeOrder)
			d.findWritten(l.env)
			diags[i] = append(diags[i], ev.diags...)
		}
	})
	for _, d := range diags {
		l.add(d...)
	}
}

// findEffective fills m.effective, in an order that does not depend on maps.
func (m *merged) findEffective() {
	for _, name := range attributeOrder {
		for _, x := range m.of(name) {
			if len(x.used.packages) > 0 || len(x.used.locals) > 0 {
				m.effective = append(m.effective, x)
			}
		}
	}
}

// newPackage is a package before any attribute is read: the defaults.
func newPackage(d *Declaration, platforms []string) *Package {
	p := &Package{
		Declaration: d, Context: d.Dir, Dockerfile: "Dockerfile", Platforms: platforms,
		Overrides: map[string]Override{}, Args: map[string]string{}, Contexts: map[string]Context{},
		Network: "default", Labels: map[string]string{}, Annotations: map[string]string{},
		Surroundings: Surroundings{ExtraHosts: map[string]string{}},
		CacheMode:    "content", Pins: "respect",
		Sensitive: map[string]bool{}, ArgPackages: map[string][]string{},
		parts: map[string]hcl.Range{},
	}
	return p
}

// prepare finds the packages that are mentioned and puts them, and the locals
// that depend on them, into the variables.
func (ev *evaluation) prepare() {
	ev.decl.References = ev.references()
	ev.decl.refers = map[string]bool{}
	for _, r := range ev.decl.References {
		ev.decl.refers[r.Package] = true
	}
	if ev.selfMentioned {
		ev.decl.refers[ev.decl.Name] = true
	}
	ev.addPackages()
}

// run reads the named attributes and returns those that depend on what is not
// known yet.
func (ev *evaluation) run(names []string) []string {
	var pending []string
	for _, name := range names {
		ev.unknown = false
		attributeReaders[name](ev)
		if ev.unknown {
			pending = append(pending, name)
		}
	}
	return pending
}

// addPackages builds the values package and, when locals that mention
// packages are used, local.
func (ev *evaluation) addPackages() {
	blocks := map[string]cty.Value{}
	lateLocals := false
	for _, x := range ev.merged.effective {
		for _, m := range x.used.packages {
			if _, done := blocks[m.block.name]; !done {
				blocks[m.block.name] = ev.blockValue(m.block)
			}
		}
		lateLocals = lateLocals || slices.ContainsFunc(x.used.locals, (*local).isLate)
	}
	if len(blocks) > 0 {
		ev.variables["package"] = cty.ObjectVal(blocks)
	}
	if !lateLocals {
		return
	}
	locals := map[string]cty.Value{}
	for _, x := range ev.merged.effective {
		for _, l := range x.used.locals {
			locals[l.name] = ev.localValue(l)
		}
	}
	ev.variables["local"] = cty.ObjectVal(locals)
}

// localValue is a local's value; one that mentions packages is evaluated here.
func (ev *evaluation) localValue(l *local) cty.Value {
	if !l.isLate() {
		return l.value
	}
	if v, ok := ev.late[l]; ok {
		return v
	}
	used := map[string]cty.Value{}
	for _, o := range l.expr.used.locals {
		used[o.name] = ev.localValue(o)
	}
	v, diags := l.expr.evaluate(map[string]cty.Value{"package": ev.variables["package"], "local": cty.ObjectVal(used)})
	ev.report(diags...)
	ev.late[l] = v
	return v
}

// blockValue is package.NAME: an object, or a map of them for for_each, with
// the instances that are referred to.
func (ev *evaluation) blockValue(b *packageBlock) cty.Value {
	if b.forEach == nil {
		return ev.packageValue(b.single)
	}
	instances := map[string]cty.Value{}
	for key, d := range b.instances {
		if ev.decl.refers[d.Name] {
			instances[key] = ev.packageValue(d)
		}
	}
	if len(instances) == 0 {
		return cty.MapValEmpty(packageType)
	}
	return cty.MapVal(instances)
}

// packageValue is one package as expressions see it.
func (ev *evaluation) packageValue(d *Declaration) cty.Value {
	if ev.identity == nil {
		return d.earlyValue()
	}
	id, ok := ev.identity(d.Name)
	if !ok {
		ev.fail(ev.decl.Range, "Package not evaluated", "%s refers to %s, which has not been evaluated before it.", ev.decl.Name, d.Name)
		return d.earlyValue()
	}
	platforms := cty.ListValEmpty(cty.String)
	if len(id.Platforms) > 0 {
		list := make([]cty.Value, len(id.Platforms))
		for i, p := range id.Platforms {
			list[i] = cty.StringVal(p)
		}
		platforms = cty.ListVal(list)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(d.Name), "image": cty.StringVal(d.Repository), "tag": cty.StringVal(id.Tag),
		"ref": cty.StringVal(d.Repository + ":" + id.Tag), "hash": cty.StringVal(id.Hash), "platforms": platforms,
	})
}

// earlyValue is the package while loading: only its names are known.
func (d *Declaration) earlyValue() cty.Value {
	unknown := cty.UnknownVal(cty.String).RefineNotNull()
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(d.Name), "image": cty.StringVal(d.Repository), "tag": unknown, "ref": unknown, "hash": unknown,
		"platforms": cty.UnknownVal(cty.List(cty.String)).RefineNotNull(),
	})
}

// Evaluate evaluates d's attributes. identity answers for every package in
// d.References; they must have been evaluated, and tagged, before.
// It is safe for concurrent use, and every call returns a package of its own.
func (w *Workspace) Evaluate(d *Declaration, identity func(name string) (Identity, bool)) (*Package, hcl.Diagnostics) {
	p := d.prototype.clone()
	if len(d.pending) == 0 {
		return p, nil
	}
	ev := w.env.newEvaluation(d, identity)
	p.parts = maps.Clone(p.parts)
	ev.out = p
	ev.addPackages()
	for _, name := range ev.run(d.pending) {
		if len(ev.diags) == 0 {
			ev.fail(p.Range(name), "Value not known", "%s cannot be evaluated.", name)
		}
	}
	return p, arrange(ev.diags)
}

// clone copies p and the maps that callers see.
func (p *Package) clone() *Package {
	c := *p
	c.Platforms = slices.Clone(p.Platforms)
	c.Overrides = maps.Clone(p.Overrides)
	for name, o := range c.Overrides {
		o.Args = maps.Clone(o.Args)
		c.Overrides[name] = o
	}
	c.Args = maps.Clone(p.Args)
	c.Contexts = maps.Clone(p.Contexts)
	c.Labels = maps.Clone(p.Labels)
	c.ExtraHosts = maps.Clone(p.ExtraHosts)
	c.Annotations = maps.Clone(p.Annotations)
	c.Sensitive = maps.Clone(p.Sensitive)
	c.ArgPackages = maps.Clone(p.ArgPackages)
	return &c
}
