package schema

import (
	"maps"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
)

// decodeGroups reads all group blocks.
func (l *loader) decodeGroups(ws *Workspace) []*Group {
	groups := map[string]*Group{}
	for _, b := range l.groups {
		name := b.Labels[0]
		if first, ok := groups[name]; ok {
			l.add(duplicate("group", name, b.Block, first.Range))
			continue
		}
		if !nameRule.MatchString(name) {
			l.add(errorAt(b.LabelRanges[0], "Bad group name", "%q: use letters, digits, _ and -, beginning with a letter.", name))
		}
		groups[name] = &Group{Name: name, Range: b.DefRange}
	}
	for _, b := range l.groups {
		if g := groups[b.Labels[0]]; g.Range == b.DefRange {
			g.Packages = l.decodeGroup(ws, b, groups)
		}
	}
	sorted := slices.SortedFunc(maps.Values(groups), func(a, b *Group) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range sorted {
		if cycle := groupCycle(groups, []string{g.Name}); len(cycle) > 0 {
			l.add(errorAt(g.Range, "Cycle of groups", "@%s: a group cannot contain itself.", strings.Join(cycle, " → @")))
		}
	}
	return sorted
}

// decodeGroup reads one group: names, globs, @groups and packages themselves.
func (l *loader) decodeGroup(ws *Workspace, b *hclBlock, groups map[string]*Group) []string {
	c, diags := groupSpec.content(b.Body, b.scope.src)
	r := &reader{env: l.env, scope: b.scope, may: mayStatic | namePackage}
	r.report(diags...)
	r.require(c, groupSpec, "packages", "[…]")
	var out []string
	if x := r.attribute(c.attributes["packages"]); x != nil {
		r.report(l.env.link(x)...)
		out = l.members(ws, r, x, groups)
	}
	l.add(r.diags...)
	return out
}

func (l *loader) members(ws *Workspace, r *reader, x *expression, groups map[string]*Group) []string {
	// The packages' names are all that a group needs of them.
	ev := &evaluation{reader: *r, decl: &Declaration{refers: map[string]bool{}}}
	blocks := map[string]cty.Value{}
	for _, m := range x.used.packages {
		for _, d := range m.block.declarations() {
			ev.decl.refers[d.Name] = true
		}
		blocks[m.block.name] = ev.blockValue(m.block)
	}
	locals := map[string]cty.Value{}
	ev.variables = map[string]cty.Value{"package": cty.ObjectVal(blocks)}
	ev.late = map[*local]cty.Value{}
	for _, u := range x.used.locals {
		locals[u.name] = ev.localValue(u)
	}
	ev.variables["local"] = cty.ObjectVal(locals)
	defer func() { *r = ev.reader }()

	v, ok := ev.raw(x)
	if !ok {
		return nil
	}
	v, _ = v.UnmarkDeep()
	if !v.IsKnown() {
		return nil
	}
	if !isSequence(v.Type()) {
		ev.fail(x.Range(), "Wrong type", "packages is a list of names, globs, \"@groups\" and packages, not %s.", friendly(v))
		return nil
	}
	var out []string
	for i, e := range v.AsValueSlice() {
		if names, ok := ev.packagesIn(e); ok {
			out = append(out, names...)
			continue
		}
		if !e.IsKnown() || e.IsNull() || !e.Type().Equals(cty.String) {
			ev.fail(x.elementRange(i), "Wrong type", "An element of packages is a name, a glob, \"@GROUP\" or package.NAME.")
			continue
		}
		out = append(out, l.member(ws, ev, located{e.AsString(), x.elementRange(i)}, groups)...)
	}
	return out
}

// member checks one string of a group. A block with for_each stands for its
// instances.
func (l *loader) member(ws *Workspace, ev *evaluation, m located, groups map[string]*Group) []string {
	if name, ok := strings.CutPrefix(m.text, "@"); ok {
		if groups[name] == nil {
			ev.fail(m.rng, "Unknown group", "No group %q is declared.%s", name, didYouMean(name, slices.Sorted(maps.Keys(groups)), prefixed("@")))
		}
		return []string{m.text}
	}
	if _, ok := ws.byName[m.text]; ok {
		return []string{m.text}
	}
	if b, ok := l.env.blocks[m.text]; ok {
		var names []string
		for _, d := range b.declarations() {
			names = append(names, d.Name)
		}
		return names
	}
	if strings.ContainsAny(m.text, "*?[{") && doublestar.ValidatePattern(m.text) {
		if !slices.ContainsFunc(ws.Packages, func(d *Declaration) bool {
			ok, err := doublestar.Match(m.text, d.Name)
			return err == nil && ok
		}) && !l.env.incomplete {
			ev.report(warningAt(m.rng, "Pattern matches nothing", "No package's name matches %q.", m.text))
		}
		return []string{m.text}
	}
	if !l.env.incomplete {
		ev.fail(m.rng, "Unknown package", "No package %q is declared.%s", m.text, didYouMean(m.text, slices.Sorted(maps.Keys(l.env.blocks)), nil))
	}
	return nil
}

// groupCycle follows @groups from the end of path and returns a path that
// comes back to its first group.
func groupCycle(groups map[string]*Group, path []string) []string {
	type step struct {
		name string
		path []string
	}
	seen := map[string]bool{}
	queue := []step{{path[0], path}}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		g := groups[s.name]
		if g == nil {
			continue
		}
		for _, p := range g.Packages {
			name, ok := strings.CutPrefix(p, "@")
			if !ok {
				continue
			}
			next := append(slices.Clip(s.path), name)
			if name == path[0] {
				return next
			}
			if !seen[name] {
				seen[name] = true
				queue = append(queue, step{name, next})
			}
		}
	}
	return nil
}
