package importer

import (
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// buildSection is a service's build section on its way to a target.
type buildSection struct {
	*compose
	t    *bakeTarget
	tags []*yaml.Node // the image's name, too
	err  error
}

// set gives the target an attribute of an expression.
func (s *buildSection) set(name, expression string, at position) {
	x, err := parseExpr(expression, at)
	if err != nil && s.err == nil {
		s.err = err
	}
	if err == nil {
		s.t.attrs = append(s.t.attrs, bakeAttr{name, x})
	}
}

// finish sets what several fields make together.
func (s *buildSection) finish() error {
	var tags []string
	for _, n := range s.tags {
		if text := s.template(n); !slices.Contains(tags, text) {
			tags = append(tags, text)
		}
	}
	replaced := slices.ContainsFunc(s.t.attrs, func(a bakeAttr) bool { return a.name == "tags" }) // by x-bake
	if len(tags) > 0 && !replaced {
		s.set("tags", list(tags), s.at(s.tags[0]))
	}
	return s.err
}

// composeNames are fields that bake has under another name, or the same.
var composeNames = map[string]string{
	"target": "target", "network": "network", "platforms": "platforms", "cache_from": "cache-from", "cache_to": "cache-to",
	"no_cache": "no-cache", "no_cache_filter": "no-cache-filter", "pull": "pull", "shm_size": "shm-size",
	"dockerfile": "dockerfile", "entitlements": "entitlements",
}

// field takes over one field of the section.
func (s *buildSection) field(p yamlPair) {
	at := s.at(p.key)
	switch p.name {
	case "context":
		s.set("context", `"`+s.path(p.value)+`"`, at)
	case "dockerfile_inline":
		s.set("dockerfile-inline", s.template(p.value), at)
	case "args":
		s.set("args", s.arguments(p.value), at)
	case "labels":
		s.set("labels", s.mapping(p.value, "="), at)
	case "extra_hosts":
		s.set("extra-hosts", s.mapping(p.value, "=:"), at)
	case "additional_contexts":
		s.set("contexts", s.contexts(p.value), at)
	case "tags":
		s.tags = append(s.tags, sequence(p.value)...)
	case "ulimits":
		s.set("ulimits", s.ulimits(p.value), at)
	case "ssh":
		s.set("ssh", s.ssh(p.value), at)
	case "secrets":
		s.set("secret", s.serviceSecrets(p.value), at)
	case "provenance", "sbom":
		s.attest(p)
	case "x-bake":
		for _, x := range pairs(p.value) {
			s.set(x.name, s.native(x.value), s.at(x.key))
		}
	default:
		if name, ok := composeNames[p.name]; ok {
			s.set(name, s.native(p.value), at)
			return
		}
		s.notes.add(at, "not carried over: build.%s of service %s", p.name, s.t.name)
	}
}

func sequence(n *yaml.Node) []*yaml.Node {
	if n = aliased(n); n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// native writes a value as an expression.
func (s *buildSection) native(n *yaml.Node) string {
	n = aliased(n)
	switch {
	case n.Kind == yaml.SequenceNode:
		var parts []string
		for _, e := range n.Content {
			parts = append(parts, s.native(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == yaml.MappingNode:
		var parts []string
		for _, p := range pairs(n) {
			parts = append(parts, quote(p.name)+" = "+s.native(p.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.Tag == "!!null":
		return "null"
	case n.Tag == "!!bool" || n.Tag == "!!int":
		return n.Value
	}
	return s.template(n)
}

// path makes a path relative to where bake is run, between quotes; it is
// relative to the file.
func (s *buildSection) path(n *yaml.Node) string {
	text := n.Value
	if strings.Contains(text, "://") || strings.HasPrefix(text, "git@") || path.IsAbs(text) || strings.HasPrefix(text, "$") {
		return s.inner(text, s.at(n))
	}
	return s.inner(path.Join(path.Dir(s.file), text), s.at(n))
}

// mapping writes a mapping, or a list of KEY=VALUE; the separators say where
// the key may end.
func (s *buildSection) mapping(n *yaml.Node, separators string) string {
	var parts []string
	for _, p := range pairs(n) {
		value := "null"
		if p.value.Tag != "!!null" {
			value = s.template(p.value)
		}
		parts = append(parts, quote(p.name)+" = "+value)
	}
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			i := strings.IndexAny(e.Value, separators)
			if i < 0 {
				i = len(e.Value)
			}
			value := e.Value[min(i+1, len(e.Value)):]
			parts = append(parts, quote(e.Value[:i])+` = "`+s.inner(value, s.at(e))+`"`)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// arguments writes build arguments: one without a value is the environment's.
func (s *buildSection) arguments(n *yaml.Node) string {
	var parts []string
	add := func(name string, value *yaml.Node, at position) {
		text := ""
		if value != nil && value.Tag != "!!null" {
			text = s.template(value)
		} else {
			text = s.environment(name, at)
		}
		parts = append(parts, quote(name)+" = "+text)
	}
	for _, p := range pairs(n) {
		add(p.name, p.value, s.at(p.key))
	}
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			name, value, ok := strings.Cut(e.Value, "=")
			if !ok {
				add(name, nil, s.at(e))
				continue
			}
			add(name, &yaml.Node{Value: value, Line: e.Line}, s.at(e))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// environment is a variable that is null unless the environment has it.
func (s *buildSection) environment(name string, at position) string {
	if s.variable(name) == nil {
		text := "null"
		if value, ok := s.env[name]; ok {
			text = quote(value)
		}
		x, err := parseExpr(text, at)
		if err != nil {
			return "null"
		}
		s.bake.variables = append(s.bake.variables, &bakeVariable{name: name, at: at, kind: "string", fallback: &x, env: true})
	}
	return name
}

// contexts writes additional contexts: service:NAME is a target.
func (s *buildSection) contexts(n *yaml.Node) string {
	var parts []string
	add := func(name string, value *yaml.Node) {
		text := value.Value
		service, isService := strings.CutPrefix(text, "service:")
		switch {
		case isService:
			text = quote("target:" + strings.ReplaceAll(service, ".", "_"))
		case strings.Contains(text, "://") || strings.HasPrefix(text, "target:"):
			text = s.template(value)
		default:
			text = `"` + s.path(value) + `"`
		}
		parts = append(parts, quote(name)+" = "+text)
	}
	for _, p := range pairs(n) {
		add(p.name, p.value)
	}
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			name, value, _ := strings.Cut(e.Value, "=")
			add(name, &yaml.Node{Value: value, Line: e.Line})
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// ulimits writes limits: a number, or soft and hard.
func (s *buildSection) ulimits(n *yaml.Node) string {
	var parts []string
	for _, p := range pairs(n) {
		soft, hard := p.value.Value, p.value.Value
		for _, b := range pairs(p.value) {
			switch b.name {
			case "soft":
				soft = b.value.Value
			case "hard":
				hard = b.value.Value
			}
		}
		parts = append(parts, `"`+s.inner(p.name+"="+soft+":"+hard, s.at(p.key))+`"`)
	}
	return list(parts)
}

// ssh writes agents and keys: a list of ID or ID=PATH, or a mapping.
func (s *buildSection) ssh(n *yaml.Node) string {
	var parts []string
	for _, p := range pairs(n) {
		text := p.name
		if p.value.Tag != "!!null" && p.value.Value != "" {
			text += "=" + p.value.Value
		}
		parts = append(parts, `"`+s.inner(text, s.at(p.key))+`"`)
	}
	if n.Kind != yaml.MappingNode {
		for _, e := range sequence(n) {
			parts = append(parts, s.template(e))
		}
	}
	return list(parts)
}

// serviceSecrets writes the secrets that a section uses, which are declared
// beside the services.
func (s *buildSection) serviceSecrets(n *yaml.Node) string {
	var parts []string
	for _, e := range sequence(n) {
		source, id := e.Value, e.Value
		for _, p := range pairs(e) {
			switch p.name {
			case "source":
				source = p.value.Value
			case "target":
				id = p.value.Value
			default:
				s.notes.add(s.at(p.key), "not carried over: %s of a secret of service %s", p.name, s.t.name)
			}
		}
		if id == "" {
			id = source
		}
		parts = append(parts, s.declaredSecret(id, source, e))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (s *buildSection) declaredSecret(id, source string, n *yaml.Node) string {
	if s.secrets != nil {
		for _, p := range pairs(s.secrets) {
			if p.name != source {
				continue
			}
			for _, from := range pairs(p.value) {
				switch from.name {
				case "environment":
					return "{ id = " + quote(id) + ", env = " + quote(from.value.Value) + " }"
				case "file":
					return "{ id = " + quote(id) + `, src = "` + s.path(from.value) + `" }`
				}
			}
		}
	}
	s.notes.add(s.at(n), "secret %s of service %s has neither a file nor an environment variable: it is read from %s", source, s.t.name, id)
	return "{ id = " + quote(id) + " }"
}

// attest writes provenance and sbom: true, false, or their attributes.
func (s *buildSection) attest(p yamlPair) {
	text := "type=" + p.name
	switch p.value.Value {
	case "true":
	case "false":
		text += ",disabled=true"
	default:
		text += "," + p.value.Value
	}
	s.set("attest", `["`+s.inner(text, s.at(p.value))+`"]`, s.at(p.key))
}
