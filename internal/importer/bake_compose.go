package importer

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// compose reads one Compose file's build sections into targets.
type compose struct {
	*bake
	file    string
	env     map[string]string // of the .env file beside it
	secrets *yaml.Node
}

// readCompose reads the services that are built.
func (b *bake) readCompose(name string, content []byte) error {
	var doc yaml.Node
	var whole any // decoding finds aliases that contain themselves
	if err := yaml.Unmarshal(content, &whole); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := yaml.Unmarshal(content, &doc); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	c := &compose{bake: b, file: name, env: b.dotEnv(path.Join(path.Dir(name), ".env"))}
	for _, p := range pairs(doc.Content[0]) {
		if p.name == "include" {
			b.notes.add(c.at(p.key), "not carried over: include: name the files it includes on the command line")
		}
		if p.name == "secrets" {
			c.secrets = p.value
		}
	}
	for _, p := range pairs(doc.Content[0]) {
		if p.name != "services" {
			continue
		}
		for _, s := range pairs(p.value) {
			if err := c.service(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// dotEnv reads the lines NAME=VALUE of a file, which need not be there.
func (b *bake) dotEnv(name string) map[string]string {
	out := map[string]string{}
	content, err := b.content(name)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "export ")
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			out[strings.TrimSpace(key)] = strings.Trim(strings.TrimSpace(value), `"'`)
		}
	}
	return out
}

// yamlPair is an entry of a mapping.
type yamlPair struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
}

// pairs are the entries of a mapping, those of merge keys included.
func pairs(n *yaml.Node) []yamlPair {
	n = aliased(n)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	var out []yamlPair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], aliased(n.Content[i+1])
		if key.Tag == "!!merge" || key.Value == "<<" {
			merged := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				merged = value.Content
			}
			for _, m := range merged {
				for _, p := range pairs(m) {
					if !slices.ContainsFunc(out, func(o yamlPair) bool { return o.name == p.name }) {
						out = append(out, p)
					}
				}
			}
			continue
		}
		out = slices.DeleteFunc(out, func(o yamlPair) bool { return o.name == key.Value })
		out = append(out, yamlPair{key.Value, key, value})
	}
	return out
}

// aliased is what an alias stands for.
func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (c *compose) at(n *yaml.Node) position { return position{c.file, n.Line} }

// service makes a target of a service that is built. Names have no dots, as
// bake has it.
func (c *compose) service(s yamlPair) error {
	var image, build *yaml.Node
	for _, p := range pairs(s.value) {
		switch p.name {
		case "build":
			build = p.value
		case "image":
			image = p.value
		case "extends":
			c.notes.add(c.at(p.key), "extends of service %s is not followed: write what it adds into the package", s.name)
		}
	}
	if build == nil {
		return nil
	}
	t := c.target(strings.ReplaceAll(s.name, ".", "_"), c.at(s.key))
	sec := &buildSection{compose: c, t: t}
	if image != nil {
		sec.tags = append(sec.tags, image)
	}
	if build.Kind == yaml.ScalarNode {
		sec.field(yamlPair{"context", build, build})
	} else {
		for _, p := range pairs(build) {
			sec.field(p)
		}
	}
	return sec.finish()
}

var composeVariable = regexp.MustCompile(`\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\})`)

// template writes a string with Compose's variables between quotes.
func (c *compose) template(n *yaml.Node) string { return `"` + c.inner(n.Value, c.at(n)) + `"` }

func (c *compose) inner(text string, at position) string {
	var b strings.Builder
	last := 0
	for _, m := range composeVariable.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(inner(text[last:m[0]]))
		last = m[1]
		group := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		name := group(1) + group(2)
		if name == "" {
			b.WriteString("$")
			continue
		}
		b.WriteString("${" + c.substitute(name, group(3), group(4), at) + "}")
	}
	b.WriteString(inner(text[last:]))
	return b.String()
}

// substitute is the expression for a variable, and makes the variable. Its
// default is what the .env file says, or what the first use does.
func (c *compose) substitute(name, operator, word string, at position) string {
	v := c.variable(name)
	if v == nil {
		value := c.env[name]
		if value == "" && strings.HasSuffix(operator, "-") {
			value = word
		}
		x, err := parseExpr(quote(value), at)
		if err != nil {
			return quote("")
		}
		v = &bakeVariable{name: name, at: at, fallback: &x, env: true}
		c.bake.variables = append(c.bake.variables, v)
		if strings.HasSuffix(operator, "?") && value == "" {
			c.notes.add(at, "variable %s has to be given to Compose (%s); here it is empty unless it is given", name, word)
		}
	}
	switch {
	case strings.HasSuffix(operator, "+"):
		return fmt.Sprintf("%s != \"\" ? %s : \"\"", name, quote(word))
	case strings.HasSuffix(operator, "-"):
		if value, ok := c.textValue(*v.fallback, nil); !ok || value != word && c.env[name] == "" {
			return fmt.Sprintf("%s != \"\" ? %s : %s", name, name, quote(word))
		}
	}
	return name
}
