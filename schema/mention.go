package schema

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// references lists the packages that the package's expressions mention, those
// of the declaring file first, in source order. Mentioning oneself is
// reported and left out.
func (ev *evaluation) references() []Reference {
	var refs []Reference
	for _, name := range attributeOrder {
		for _, x := range ev.merged.of(name) {
			for _, m := range x.used.packages {
				for _, d := range ev.resolve(m) {
					if d == ev.decl {
						ev.refersToItself(x, m)
						continue
					}
					refs = append(refs, Reference{Package: d.Name, Attribute: name, Range: m.rng})
				}
			}
		}
	}
	own := ev.decl.Range.Filename
	slices.SortStableFunc(refs, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(elsewhere(a, own), elsewhere(b, own)), compareRanges(a.Range, b.Range), cmp.Compare(a.Package, b.Package))
	})
	return slices.CompactFunc(refs, func(a, b Reference) bool { return a == b })
}

func elsewhere(r Reference, file string) int {
	if r.Range.Filename == file {
		return 0
	}
	return 1
}

func (ev *evaluation) refersToItself(x *expression, m mention) {
	hint := "Use self.name or self.image, which are known; in tag also self.hash."
	if x.scope.dir != ev.decl.Dir {
		hint = "The expression stands in the defaults for " + x.scope.dir + ", which apply here: set the attribute in the package itself."
	} else if m.key == nil && m.block.forEach != nil {
		hint = "package." + m.block.name + " stands for all instances; name one of them with an index."
	}
	ev.selfMentioned = true
	ev.fail(m.rng, "Package refers to itself", "A package cannot be an input of itself. %s", hint)
}

// resolve finds the packages that a mention stands for in this instance. An
// index that cannot be evaluated yet stands for every other instance.
func (ev *evaluation) resolve(m mention) []*Declaration {
	if m.block.forEach == nil {
		return []*Declaration{m.block.single}
	}
	if m.key != nil {
		return []*Declaration{m.block.instances[*m.key]}
	}
	if m.index == nil {
		return m.block.declarations()
	}
	if key, ok := ev.index(m); ok {
		if d := m.block.instances[key]; d != nil {
			return []*Declaration{d}
		}
		return nil // evaluation reports the index
	}
	return slices.DeleteFunc(m.block.declarations(), func(d *Declaration) bool { return d == ev.decl })
}

// index evaluates package.NAME[index] as far as each, self, var and local go.
func (ev *evaluation) index(m mention) (string, bool) {
	x := &expression{Expression: m.index, scope: m.scope, what: "index"}
	v, diags := x.evaluate(ev.variables)
	v, _ = v.Unmark()
	if diags.HasErrors() || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", false
	}
	return s.AsString(), true
}

// packagesOf lists the packages that an expression mentions, sorted.
func (ev *evaluation) packagesOf(x *expression) []string {
	names := map[string]bool{}
	for _, m := range x.used.packages {
		for _, d := range ev.resolve(m) {
			names[d.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
