package importer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// tagPart is a piece of a tag's template: text, or the hash or digits of it.
type tagPart struct {
	text string
	hash bool
	// from and to are the digits of the hash that are used, to being -1 for
	// all that follow.
	from, to int
}

// tagParts is what a tag is made of.
type tagParts []tagPart

// parseTag takes apart a tag's template, which is Go's: text and {{.Hash}},
// also with slice, print and printf. Other templates are an error.
func parseTag(text string) (tagParts, error) {
	trees, err := parse.Parse("tag", text, "", "", map[string]any{"slice": 0, "print": 0, "printf": 0})
	if err != nil {
		return nil, errors.New("it is no template that can be written as an expression")
	}
	var out tagParts
	for _, n := range trees["tag"].Root.Nodes {
		switch n := n.(type) {
		case *parse.TextNode:
			out = append(out, tagPart{text: string(n.Text)})
		case *parse.ActionNode:
			if len(n.Pipe.Decl) > 0 || len(n.Pipe.Cmds) != 1 {
				return nil, fmt.Errorf("%s cannot be written as an expression", n)
			}
			parts, ok := commandParts(n.Pipe.Cmds[0].Args)
			if !ok {
				return nil, fmt.Errorf("%s cannot be written as an expression", n)
			}
			out = append(out, parts...)
		case *parse.CommentNode:
		default:
			return nil, fmt.Errorf("%s cannot be written as an expression", n)
		}
	}
	return out.join(), nil
}

// commandParts is what one action writes.
func commandParts(args []parse.Node) (tagParts, bool) {
	if part, ok := hashPart(args[0]); ok && len(args) == 1 {
		return tagParts{part}, true
	}
	if s, ok := args[0].(*parse.StringNode); ok && len(args) == 1 {
		return tagParts{{text: s.Text}}, true
	}
	name, ok := args[0].(*parse.IdentifierNode)
	if !ok || len(args) < 2 {
		return nil, false
	}
	switch name.Ident {
	case "slice":
		return sliceParts(args[1:])
	case "print":
		if len(args) == 2 {
			return commandParts(args[1:])
		}
	case "printf":
		return formatParts(args[1:])
	}
	return nil, false
}

func hashPart(n parse.Node) (tagPart, bool) {
	switch n := n.(type) {
	case *parse.FieldNode:
		return tagPart{hash: true, to: -1}, slices.Equal(n.Ident, []string{"Hash"})
	case *parse.PipeNode:
		if len(n.Decl) == 0 && len(n.Cmds) == 1 {
			parts, ok := commandParts(n.Cmds[0].Args)
			if ok && len(parts) == 1 {
				return parts[0], parts[0].hash
			}
		}
	}
	return tagPart{}, false
}

// sliceParts is slice .Hash FROM [TO].
func sliceParts(args []parse.Node) (tagParts, bool) {
	part, ok := hashPart(args[0])
	if !ok || part.from != 0 || part.to != -1 || len(args) > 3 {
		return nil, false
	}
	for i, bound := range []*int{&part.from, &part.to} {
		if len(args) <= i+1 {
			break
		}
		n, ok := args[i+1].(*parse.NumberNode)
		if !ok || !n.IsInt || n.Int64 < 0 || n.Int64 > hashDigits {
			return nil, false
		}
		*bound = int(n.Int64)
	}
	return tagParts{part}, part.to == -1 || part.from <= part.to
}

// hashDigits is how many a tree id has.
const hashDigits = 40

var formatVerb = regexp.MustCompile(`%(?:%|s|v|\.(\d+)s)`)

// formatParts is printf FORMAT ARGUMENT….
func formatParts(args []parse.Node) (tagParts, bool) {
	format, ok := args[0].(*parse.StringNode)
	if !ok {
		return nil, false
	}
	args = args[1:]
	var out tagParts
	rest := format.Text
	for {
		m := formatVerb.FindStringSubmatchIndex(rest)
		if m == nil {
			out = append(out, tagPart{text: rest})
			return out, len(args) == 0 && !strings.Contains(rest, "%")
		}
		if strings.Contains(rest[:m[0]], "%") {
			return nil, false
		}
		out = append(out, tagPart{text: rest[:m[0]]})
		verb := rest[m[0]:m[1]]
		if verb == "%%" {
			out = append(out, tagPart{text: "%"})
		} else {
			if len(args) == 0 {
				return nil, false
			}
			parts, ok := commandParts(args[:1])
			if !ok || len(parts) != 1 {
				return nil, false
			}
			if m[2] >= 0 && !cut(&parts[0], rest[m[2]:m[3]]) {
				return nil, false
			}
			out, args = append(out, parts...), args[1:]
		}
		rest = rest[m[1]:]
	}
}

// cut keeps the first digits of a part.
func cut(p *tagPart, digits string) bool {
	n, err := strconv.Atoi(digits)
	if err != nil || n > hashDigits || !p.hash || p.from != 0 || p.to != -1 {
		return false
	}
	p.to = n
	return true
}

// join puts texts together that follow each other.
func (t tagParts) join() tagParts {
	var out tagParts
	for _, p := range t {
		switch last := len(out) - 1; {
		case p.hash:
			out = append(out, p)
		case p.text == "":
		case last >= 0 && !out[last].hash:
			out[last].text += p.text
		default:
			out = append(out, p)
		}
	}
	return out
}

// with is the tag of a hash. A hash that is shorter than 40 digits stands for
// itself.
func (t tagParts) with(hash string) string {
	var b strings.Builder
	for _, p := range t {
		switch {
		case !p.hash:
			b.WriteString(p.text)
		case len(hash) < hashDigits:
			fmt.Fprintf(&b, "%s[%d:%d]", hash, p.from, p.to)
		case p.to < 0:
			b.WriteString(hash[p.from:])
		default:
			b.WriteString(hash[p.from:p.to])
		}
	}
	return b.String()
}

// expression is the tag attribute's; "" for the default.
func (t tagParts) expression() string {
	if len(t) == 1 && t[0] == (tagPart{hash: true, to: -1}) {
		return ""
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, p := range t {
		switch {
		case !p.hash:
			b.WriteString(inner(p.text))
		case p.from == 0 && p.to == -1:
			b.WriteString("${self.hash}")
		case p.to == -1:
			fmt.Fprintf(&b, "${substr(self.hash, %d, -1)}", p.from)
		default:
			fmt.Fprintf(&b, "${substr(self.hash, %d, %d)}", p.from, p.to-p.from)
		}
	}
	b.WriteByte('"')
	return b.String()
}
