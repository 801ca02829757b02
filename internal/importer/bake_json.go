package importer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// jsonValue is a JSON value that remembers its line.
type jsonValue struct {
	line    int
	scalar  any // string, json.Number, bool or nil, if it is neither of the others
	object  []jsonMember
	list    []*jsonValue
	isMap   bool
	isArray bool
}

type jsonMember struct {
	name  string
	line  int
	value *jsonValue
}

// jsonReader reads values from a decoder.
type jsonReader struct {
	*json.Decoder
	content []byte
	depth   int
}

// maxDepth bounds how deeply a document nests.
const maxDepth = 200

// parseJSON reads a document.
func parseJSON(content []byte) (*jsonValue, error) {
	r := &jsonReader{Decoder: json.NewDecoder(bytes.NewReader(content)), content: content}
	r.UseNumber()
	v, err := r.value()
	if err == nil {
		_, err = r.Token()
		if err == io.EOF {
			return v, nil
		}
		if err == nil {
			err = fmt.Errorf("there is something after the value")
		}
	}
	return nil, fmt.Errorf("line %d: %w", r.line(), err)
}

func (r *jsonReader) line() int {
	return 1 + bytes.Count(r.content[:min(int(r.InputOffset()), len(r.content))], []byte("\n"))
}

func (r *jsonReader) value() (*jsonValue, error) {
	if r.depth++; r.depth > maxDepth {
		return nil, fmt.Errorf("it nests more than %d levels", maxDepth)
	}
	defer func() { r.depth-- }()
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	v := &jsonValue{line: r.line()}
	switch token {
	case json.Delim('{'):
		v.isMap = true
		for r.More() {
			name, err := r.Token()
			if err != nil {
				return nil, err
			}
			m := jsonMember{name: fmt.Sprint(name), line: r.line()}
			if m.value, err = r.value(); err != nil {
				return nil, err
			}
			v.object = append(v.object, m)
		}
		_, err = r.Token()
	case json.Delim('['):
		v.isArray = true
		for r.More() {
			e, err := r.value()
			if err != nil {
				return nil, err
			}
			v.list = append(v.list, e)
		}
		_, err = r.Token()
	default:
		v.scalar = token
	}
	return v, err
}

// native writes the value in HCL's own syntax, with everything on the line
// that it is on, as far as what has been written allows.
func (v *jsonValue) native(w *strings.Builder, line *int) {
	catchUp := func(to int) {
		for ; *line < to; *line++ {
			w.WriteByte('\n')
		}
	}
	switch {
	case v.isMap:
		w.WriteByte('{')
		for i, m := range v.object {
			if i > 0 && m.line == *line {
				w.WriteByte(',')
			}
			catchUp(m.line)
			w.WriteString(quoteTemplate(m.name) + " = ")
			m.value.native(w, line)
		}
		w.WriteByte('}')
	case v.isArray:
		w.WriteByte('[')
		for i, e := range v.list {
			if i > 0 {
				w.WriteByte(',')
			}
			catchUp(e.line)
			e.native(w, line)
		}
		w.WriteByte(']')
	default:
		switch s := v.scalar.(type) {
		case string:
			w.WriteString(quoteTemplate(s))
		case nil:
			w.WriteString("null")
		default:
			fmt.Fprint(w, s)
		}
	}
}

// quoteTemplate writes a template between quotes: what is in interpolations
// stays as it is.
func quoteTemplate(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "$${") || strings.HasPrefix(s[i:], "%%{"):
			b.WriteString(s[i : i+3])
			i += 2
		case strings.HasPrefix(s[i:], "${") || strings.HasPrefix(s[i:], "%{"):
			end := interpolationEnd(s[i:])
			b.WriteString(s[i : i+end])
			i += end - 1
		case s[i] == '"' || s[i] == '\\':
			b.WriteString(`\` + s[i:i+1])
		case s[i] == '\n':
			b.WriteString(`\n`)
		case s[i] == '\r':
			b.WriteString(`\r`)
		default:
			b.WriteByte(s[i])
		}
	}
	b.WriteByte('"')
	return b.String()
}

// interpolationEnd is where the interpolation that s begins with ends.
func interpolationEnd(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == '{':
			depth++
		case !quoted && s[i] == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// readJSON reads a bake file in JSON. Its structure is that of HCL: properties
// are blocks or attributes, and strings are templates.
func (b *bake) readJSON(name string, content []byte) error {
	v, err := parseJSON(content)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !v.isMap {
		return fmt.Errorf("read %s: it is no object", name)
	}
	for _, m := range v.object {
		switch m.name {
		case "target", "group", "variable", "function":
			if err := b.readJSONBlocks(name, m); err != nil {
				return err
			}
		default:
			a, err := jsonAttribute(name, m)
			if err != nil {
				return err
			}
			b.addLocal(a)
		}
	}
	return nil
}

// readJSONBlocks reads the blocks of one kind: an object by their names, or a
// list of such.
func (b *bake) readJSONBlocks(file string, kind jsonMember) error {
	lists := []*jsonValue{kind.value}
	if kind.value.isArray {
		lists = kind.value.list
	}
	for _, list := range lists {
		for _, block := range list.object {
			bodies := []*jsonValue{block.value}
			if block.value.isArray {
				bodies = block.value.list
			}
			for _, body := range bodies {
				if err := b.readJSONBlock(file, kind.name, block, body); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bake) readJSONBlock(file, kind string, block jsonMember, body *jsonValue) error {
	var attrs []bakeAttr
	var validations [][]bakeAttr
	for _, m := range body.object {
		if kind == "variable" && m.name == "validation" {
			list := []*jsonValue{m.value}
			if m.value.isArray {
				list = m.value.list
			}
			for _, v := range list {
				var one []bakeAttr
				for _, m := range v.object {
					a, err := jsonAttribute(file, m)
					if err != nil {
						return err
					}
					one = append(one, a)
				}
				validations = append(validations, one)
			}
			continue
		}
		a, err := jsonAttribute(file, m)
		if text, ok := m.value.scalar.(string); ok && kind == "variable" && m.name == "type" {
			a.x, err = parseExpr(text, position{file, m.line})
		}
		if err != nil {
			return err
		}
		attrs = append(attrs, a)
	}
	b.add(kind, block.name, position{file, block.line}, attrs, validations)
	return nil
}

func jsonAttribute(file string, m jsonMember) (bakeAttr, error) {
	var w strings.Builder
	line := m.line
	m.value.native(&w, &line)
	x, err := parseExpr(w.String(), position{file, m.line})
	return bakeAttr{m.name, x}, err
}
