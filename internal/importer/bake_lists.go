package importer

import (
	"maps"
	"slices"
	"strings"
)

// addCaches takes over cache-from or cache-to.
func (p *bakePackage) addCaches(name string) {
	var parts []string
	for _, x := range p.attrs[name] {
		if !isList(x) {
			p.addList(bakeNames[name], p.attrs[name])
			return
		}
		for _, e := range p.elements(x) {
			text := p.text(e, p.scope)
			if _, isObject := p.entries(e); isObject {
				fields, _ := p.fields(e, p.scope)
				var joined template
				for i, f := range fields {
					if i > 0 {
						joined = append(joined, piece{lit: ","})
					}
					joined = append(append(joined, piece{lit: f.key + "="}), f.value...)
				}
				text = joined.expression()
			}
			if !slices.Contains(parts, text) {
				parts = append(parts, text)
			}
		}
	}
	if len(parts) > 0 {
		p.out.add(listing(bakeNames[name], parts, p.attrs[name][0].at))
	}
}

// all are the elements of lists that are appended. What is no list is noted.
func (p *bakePackage) all(name string) []bakeExpr {
	var out []bakeExpr
	for _, x := range p.attrs[name] {
		if !isList(x) {
			p.notes.add(x.at, "not carried over: %s of %s: it is computed", name, p.t.name)
			continue
		}
		out = append(out, p.elements(x)...)
	}
	return out
}

// addAnnotations takes over annotations of manifests.
func (p *bakePackage) addAnnotations() {
	m := mapping("annotations", p.t.at)
	for _, x := range p.all("annotations") {
		text, ok := p.template(x, p.scope)
		key, value, isPair := text.cut("=")
		name, known := key.static()
		if !ok || !isPair || !known {
			p.notes.add(x.at, "not carried over: an annotation of %s: its name is not known here", p.t.name)
			continue
		}
		kinds, bare, hasKinds := strings.Cut(name, ":")
		if !hasKinds {
			kinds, bare = "manifest", name
		}
		all := strings.Split(kinds, ",")
		if !slices.Contains(all, "manifest") {
			p.notes.add(x.at, "not carried over: annotation %s of %s: annotations are of the image manifest", name, p.t.name)
			continue
		}
		if len(all) > 1 {
			p.notes.add(x.at, "annotation %s of %s is of the image manifest alone here", name, p.t.name)
		}
		n := entry(bare, value.expression(), x.at)
		m.origin = x.at
		m.children = slices.DeleteFunc(m.children, func(c *node) bool { return c.head == n.head })
		m.add(n)
	}
	if len(m.children) > 0 {
		p.out.add(m)
	}
}

// addSSH takes over the agents: ids, with the keys or sockets to use.
func (p *bakePackage) addSSH() {
	var ids []string
	for _, x := range p.all("ssh") {
		text := p.text(x, p.scope)
		if _, isObject := p.entries(x); isObject {
			fields, _ := p.fields(x, p.scope)
			id, _ := field(fields, "id")
			paths, hasPaths := field(fields, "paths")
			text = id.expression()
			if hasPaths {
				text = `"` + id.inner() + "=${join(\",\", " + paths.expression() + `)}"`
			}
		}
		if !slices.Contains(ids, text) {
			ids = append(ids, text)
		}
	}
	if len(ids) > 0 {
		p.out.add(listing("ssh", ids, p.attrs["ssh"][0].at))
	}
}

// addSecrets takes over secrets. One of which only the id is said is read from
// the environment variable of that name.
func (p *bakePackage) addSecrets() {
	var blocks []*node
	for _, x := range p.all("secret") {
		fields, ok := p.fields(x, p.scope)
		id, _ := field(fields, "id")
		name, static := id.static()
		if !ok || !static || name == "" {
			p.notes.add(x.at, "not carried over: a secret of %s: its id is not known here", p.t.name)
			continue
		}
		n := block("secret", name, x.at)
		env, isEnv := field(fields, "env")
		file, isFile := field(fields, "src", "source")
		kind, _ := field(fields, "type")
		if text, _ := kind.static(); text == "env" && isFile {
			env, isEnv, isFile = file, true, false
		}
		switch {
		case isEnv:
			n.add(attribute("env", env.expression(), x.at))
		case isFile:
			n.add(attribute("file", file.expression(), x.at))
		default:
			n.add(attribute("env", quote(name), x.at))
		}
		blocks = slices.DeleteFunc(blocks, func(o *node) bool { return o.head == n.head })
		blocks = append(blocks, n)
	}
	p.out.add(blocks...)
}

// addAttest takes over provenance and SBOMs.
func (p *bakePackage) addAttest() {
	n := block("attest", "", p.t.at)
	set := func(name, expression string, at position) {
		n.children = slices.DeleteFunc(n.children, func(c *node) bool { return c.head == name })
		n.origin = at
		n.add(attribute(name, expression, at))
	}
	for _, x := range p.all("attest") {
		fields, ok := p.fields(x, p.scope)
		kind, _ := field(fields, "type")
		name, _ := kind.static()
		disabled, _ := field(fields, "disabled")
		off, _ := disabled.static()
		mode, hasMode := field(fields, "mode")
		generator, hasGenerator := field(fields, "generator")
		switch {
		case ok && name == "provenance" && off == "true":
			set("provenance", quote(""), x.at)
		case ok && name == "provenance" && hasMode:
			set("provenance", mode.expression(), x.at)
		case ok && name == "provenance":
			set("provenance", quote("min"), x.at)
		case ok && name == "sbom":
			set("sbom", map[bool]string{true: "false", false: "true"}[off == "true"], x.at)
			if hasGenerator {
				set("scanner", generator.expression(), x.at)
			}
		default:
			p.notes.add(x.at, "not carried over: an attestation of %s: its type is not known here", p.t.name)
		}
		for _, f := range fields {
			if !slices.Contains([]string{"type", "mode", "generator", "disabled"}, strings.ToLower(f.key)) {
				p.notes.add(x.at, "not carried over: %s of an attestation of %s", f.key, p.t.name)
			}
		}
	}
	if len(n.children) > 0 {
		p.out.add(n)
	}
}

// addOutputs takes over outputs that are files. Others are what commands do.
func (p *bakePackage) addOutputs() {
	x, ok := p.last("output")
	if !ok {
		return
	}
	for _, e := range p.elements(x) {
		fields, ok := p.fields(e, p.scope)
		if text, isText := p.template(e, p.scope); isText && len(text.split("=")) == 1 && len(text) > 0 {
			fields, ok = []bakeField{{"dest", text, e.at}}, true // a directory
		}
		if value, known := p.textValue(e, p.example); !ok && known && !strings.Contains(value, "=") {
			fields, ok = []bakeField{{"dest", template{{expr: p.text(e, p.scope), x: e}}, e.at}}, true // one that is computed
		}
		kind, hasKind := field(fields, "type")
		name, _ := kind.static()
		if !hasKind && ok {
			name = "local"
		}
		p.addOutput(name, fields, e.at)
	}
}

func (p *bakePackage) addOutput(kind string, fields []bakeField, at position) {
	dest, hasDest := field(fields, "dest")
	push, _ := field(fields, "push")
	pushed, _ := push.static()
	stdout, _ := dest.static()
	switch {
	case kind == "registry" || kind == "image" && pushed == "true":
		p.notes.add(at, "output of %s: images are pushed by stowage apply --push", p.t.name)
		return
	case kind == "docker" && !hasDest:
		p.notes.add(at, "output of %s: images are loaded into Docker by stowage apply --load", p.t.name)
		return
	case kind == "cacheonly" || kind == "image":
		p.notes.add(at, "output of %s: what is built goes into the store", p.t.name)
		return
	case !hasDest || stdout == "-" || !slices.Contains([]string{"local", "tar", "oci", "docker"}, kind):
		p.notes.add(at, "not carried over: output of %s: an output is local, tar, oci or docker, and goes to a file or directory", p.t.name)
		return
	}
	p.out.add(block("output", kind, at, attribute("dest", dest.expression(), at)))
	for _, f := range fields {
		if !slices.Contains([]string{"type", "dest"}, f.key) {
			p.notes.add(at, "not carried over: %s in output of %s", f.key, p.t.name)
		}
	}
}

// addRest notes what has no place here.
func (p *bakePackage) addRest() {
	handled := append(slices.Collect(maps.Keys(bakeNames)), "inherits", "matrix", "name", "description", "tags", "context", "dockerfile",
		"dockerfile-inline", "contexts", "annotations", "ulimits", "ssh", "secret", "attest", "output")
	for _, name := range slices.Sorted(maps.Keys(p.attrs)) {
		if slices.Contains(handled, name) {
			continue
		}
		x, _ := p.last(name)
		switch name {
		case "entitlements":
			for _, e := range p.all(name) {
				allow, _ := p.textValue(e, p.example)
				p.notes.add(e.at, "not carried over: entitlements of %s: allow it for a run, with stowage apply --allow %s", p.t.name, allow)
			}
		case "call":
			p.notes.add(x.at, "not carried over: call of %s: stowage validate --check has the builder check all Dockerfiles", p.t.name)
		default:
			p.notes.add(x.at, "not carried over: %s of %s: there is nothing like it", name, p.t.name)
		}
	}
}
