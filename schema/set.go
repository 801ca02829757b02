package schema

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// setting is one attribute, or one entry of a map, that the command line sets
// for the packages that a pattern matches: PATTERN.ATTRIBUTE[.KEY]=VALUE.
type setting struct {
	text      string // as given, for messages
	pattern   string
	attribute string
	key       string // of a map attribute
	value     string
	rng       hcl.Range
}

// settable are the attributes that the command line may set, and what kind of
// value each has. What is not here decides names and platforms' edges before
// packages are known, or permits what the configuration forbids.
func settable() map[string]valueKind {
	out := map[string]valueKind{"output": outputValue}
	for _, name := range commonAttributes {
		out[name] = textValue
	}
	for _, name := range mapAttributes {
		out[name] = mapOfValues
	}
	for name, kind := range map[string]valueKind{
		"platforms": listValue, "extra_tags": listValue, "ssh": wholeValue,
		"ulimits": listValue, "no_cache_stages": listValue,
		"cache_from": wholeValue, "cache_to": wholeValue,
	} {
		out[name] = kind
	}
	delete(out, "allow_outside")
	delete(out, "depends_on")
	return out
}

// valueKind is how the value of a setting is read.
type valueKind int

const (
	textValue   valueKind = iota // as it stands
	listValue                    // elements between commas
	wholeValue                   // one element, in which commas have a meaning
	mapOfValues                  // one entry, whose key follows the attribute
	outputValue                  // an output block: a directory, or type=TYPE,dest=PATH
)

// otherNames are what other tools call attributes.
func otherNames() map[string]string {
	return map[string]string{
		"arg": "args", "label": "labels", "annotation": "annotations", "platform": "platforms",
		"tags": "extra_tags", "no_cache_filter": "no_cache_stages", "ulimit": "ulimits", "extra_host": "extra_hosts",
		"outputs": "output",
	}
}

// parseSetting takes PATTERN.ATTRIBUTE[.KEY]=VALUE apart. The pattern ends at
// the first dot outside of brackets.
func parseSetting(text string) (setting, *hcl.Diagnostic) {
	s := setting{text: text, rng: outside("--set " + firstLine(text))}
	name, rest, ok := cutPattern(text)
	target, value, isSet := strings.Cut(rest, "=")
	if !ok || !isSet || name == "" {
		return s, errorAt(s.rng, "Bad --set", "%q: write PACKAGE.ATTRIBUTE=VALUE or PACKAGE.args.NAME=VALUE, where PACKAGE may be a glob.", text)
	}
	s.pattern, s.value = name, value
	attribute, key, _ := strings.Cut(target, ".")
	s.attribute, s.key = strings.ReplaceAll(attribute, "-", "_"), key
	if known := otherNames()[s.attribute]; known != "" {
		s.attribute = known
	}
	kinds := settable()
	kind, ok := kinds[s.attribute]
	names := slices.Sorted(maps.Keys(kinds))
	switch {
	case !ok:
		return s, errorAt(s.rng, "Unknown attribute", "%q is nothing that --set can set.%s", attribute, orElse(didYouMean(s.attribute, names, nil), " It sets: "+oneOf(names)+"."))
	case kind == mapOfValues && key == "":
		return s, errorAt(s.rng, "Bad --set", "%s is a map: write %s.%s.NAME=VALUE.", s.attribute, s.pattern, s.attribute)
	case kind == outputValue:
		if _, _, wrong := parseOutput(value); wrong != "" {
			return s, errorAt(s.rng, "Bad --set", "An output is a directory, or type=TYPE,dest=PATH; there is no %q.", wrong)
		}
	case kind != mapOfValues && key != "":
		return s, errorAt(s.rng, "Bad --set", "%s is no map: write %s.%s=VALUE.", s.attribute, s.pattern, s.attribute)
	}
	return s, nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// cutPattern cuts text at the first dot that is in no brackets, where keys of
// instances stand.
func cutPattern(text string) (before, after string, ok bool) {
	depth := 0
	for i, c := range text {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '=' && depth <= 0:
			return text, "", false
		case c == '.' && depth <= 0:
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// expression is the value of the settings of one attribute that is no map.
func settingsValue(settings []setting) hclsyntax.Expression {
	literal := func(text string) hclsyntax.Expression {
		return &hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: settings[0].rng}
	}
	kind := settable()[settings[0].attribute]
	if kind == textValue {
		return literal(settings[len(settings)-1].value)
	}
	list := &hclsyntax.TupleConsExpr{SrcRange: settings[0].rng, OpenRange: settings[0].rng}
	for _, s := range settings {
		values := []string{s.value}
		if kind == listValue {
			values = strings.Split(s.value, ",")
		}
		for _, v := range values {
			if v != "" { // an empty value empties the list
				list.Exprs = append(list.Exprs, literal(strings.TrimSpace(v)))
			}
		}
	}
	return list
}

// settingsLayer is what settings say about a package, as a layer over its
// block. Paths are relative to the root.
func (l *loader) settingsLayer(settings []setting) *layer {
	s := l.settingsScope()
	out := &layer{scope: s, rng: settings[0].rng, attributes: map[string]*expression{}, ranges: map[string]hcl.Range{}}
	byAttribute := map[string][]setting{}
	for _, set := range settings {
		byAttribute[set.attribute] = append(byAttribute[set.attribute], set)
	}
	for name, list := range byAttribute {
		if name == "output" {
			out.nested = outputsOf(list, s)
			continue
		}
		out.ranges[name] = list[0].rng
		if !slices.Contains(mapAttributes, name) {
			out.attributes[name] = &expression{Expression: settingsValue(list), scope: s, what: name}
			continue
		}
		x := &expression{Expression: poison(list[0].rng), scope: s, what: name}
		for _, set := range list {
			value := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(set.value), SrcRange: set.rng}
			it := item{key: set.key, rng: set.rng, value: &expression{Expression: value, scope: s, what: name + "." + set.key}}
			x.items = slices.DeleteFunc(x.items, func(o item) bool { return o.key == it.key })
			x.items = append(x.items, it)
		}
		out.attributes[name] = x
	}
	return out
}

// outputsOf are the output blocks that settings stand for.
func outputsOf(settings []setting, s *scope) []*nested {
	var out []*nested
	for _, set := range settings {
		kind, dest, _ := parseOutput(set.value)
		value := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(dest), SrcRange: set.rng}
		out = append(out, &nested{
			kind: "output", label: kind, labelRange: set.rng, rng: set.rng, scope: s,
			attributes: map[string]*expression{"dest": {Expression: value, scope: s, what: "dest"}},
		})
	}
	return out
}

func (l *loader) settingsScope() *scope { return l.env.newScope(".", nil) }

// applySettings lays what the command line sets over the packages' blocks.
func (l *loader) applySettings(ws *Workspace) {
	byPackage := map[*Declaration][]setting{}
	for _, text := range l.opts.Set {
		s, d := parseSetting(text)
		if d != nil {
			l.add(d)
			continue
		}
		found := s.matches(ws)
		if len(found) == 0 && !l.opts.AnyVars && !l.env.incomplete {
			l.add(errorAt(s.rng, "Unknown package", "--set %q is about no package: none is called %q.%s", s.text, s.pattern,
				didYouMean(s.pattern, slices.Sorted(maps.Keys(ws.byName)), nil)))
		}
		for _, d := range found {
			byPackage[d] = append(byPackage[d], s)
		}
	}
	for d, settings := range byPackage {
		over := l.settingsLayer(settings)
		d.merged = merge(over, append([]*layer{d.block.own}, l.layersFor(d.Dir)...))
		if len(over.nested) > 0 { // outputs take the place of those that there are
			d.merged.nested["output"] = over.nested
		}
	}
}

// matches are the packages that the pattern is about: one by its name, all
// instances by the name of their block, or those that a glob matches, in which
// the brackets of an instance's key stand for themselves.
func (s setting) matches(ws *Workspace) []*Declaration {
	if d := ws.byName[s.pattern]; d != nil {
		return []*Declaration{d}
	}
	literal := strings.NewReplacer("[", "\\[", "]", "\\]", "/", "\x00")
	glob := literal.Replace(s.pattern)
	return slices.DeleteFunc(slices.Clone(ws.Packages), func(d *Declaration) bool {
		ok, err := path.Match(glob, strings.ReplaceAll(d.Name, "/", "\x00"))
		return d.Block != s.pattern && (err != nil || !ok)
	})
}
