package schema

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// file is one configuration file.
type file struct {
	name string // slash-separated, relative to the root; what ranges say
	dir  string
	src  []byte
	body hcl.Body // nil when the file could not be read or has syntax errors

	scope    *scope
	blocks   []*hcl.Block
	packages map[*hcl.Block]*readPackage
}

// readPackage is a package block as it stands in its file.
type readPackage struct {
	own *layer
	// diags are about names in the block, layerDiags about what they say.
	diags, layerDiags hcl.Diagnostics
}

// decode finds the file's blocks, and reads those that there are many of: this
// is done for all files at once.
func (f *file) decode(env *environment) hcl.Diagnostics {
	c, diags := fileSpec.content(f.body, f.src)
	f.scope, f.blocks = env.newScope(f.dir, f.src), c.blocks
	f.packages = map[*hcl.Block]*readPackage{}
	for _, b := range f.blocks {
		if b.Type != "package" {
			continue
		}
		p := &readPackage{}
		var c *content
		c, p.diags = packageSpec.content(b.Body, f.src)
		p.own, p.layerDiags = newLayer(c, f.scope, b.DefRange, false)
		f.packages[b] = p
	}
	return diags
}

var start = hcl.Pos{Line: 1, Column: 1}

// readFile reads and parses one configuration file.
func (env *environment) readFile(name string) (*file, hcl.Diagnostics) {
	f := &file{name: name, dir: path.Dir(name)}
	src, err := env.readLimited(name)
	if err != nil {
		return f, hcl.Diagnostics{errorAt(pointRange(name, 1, 1, 0), "Cannot read file", "%s: %s.", name, cause(err))}
	}
	if d := checkText(name, src); d != nil {
		return f, hcl.Diagnostics{d} // and no source: there is nothing to show of it
	}
	f.src = src
	parsed, diags := parseSource(name, src)
	if !diags.HasErrors() {
		f.body = parsed.Body
	}
	return f, diags
}

// readLimited reads a regular file of at most maxFileSize bytes.
func (env *environment) readLimited(name string) ([]byte, error) {
	mode, err := env.typeOf(name)
	if err != nil {
		return nil, err
	}
	if !mode.IsRegular() {
		return nil, fmt.Errorf("it is not a regular file")
	}
	f, err := env.fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(src) > maxFileSize {
		return nil, fmt.Errorf("it is larger than %d MiB", maxFileSize>>20)
	}
	return src, nil
}

// cause strips what fs errors say twice: operation and path.
func cause(err error) string {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// Parse parses one file of native syntax, or of JSON when its name ends in
// .json, within the limits that hold for all configuration. The file is usable
// when there are no errors.
func Parse(name string, src []byte) (*hcl.File, hcl.Diagnostics) {
	f, diags := parseSource(name, src)
	return f, arrange(diags)
}

// parseSource parses native syntax, or JSON when the name ends in .json. The
// file is usable when there are no errors.
func parseSource(name string, src []byte) (*hcl.File, hcl.Diagnostics) {
	if d := checkText(name, src); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	if !strings.HasSuffix(name, ".json") {
		if d := guardText(src, name, start, hclsyntax.LexConfig); d != nil {
			return nil, hcl.Diagnostics{d}
		}
		return hclsyntax.ParseConfig(src, name, start)
	}
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, hcl.Diagnostics{errorAt(pointRange(name, 1, 1, 0), "Empty JSON file", "A JSON configuration is an object: write at least {}.")}
	}
	if d := guardJSON(src, name); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	return json.Parse(src, name)
}

// checkText refuses what is not text, in one error instead of thousands.
func checkText(name string, src []byte) *hcl.Diagnostic {
	line, lineStart := 1, 0
	for i := 0; i < len(src); {
		r, size := rune(src[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(src[i:])
		}
		switch {
		case r == utf8.RuneError && size == 1:
			return errorAt(pointRange(name, line, i-lineStart+1, i), "Not a text file", "Configuration is UTF-8 text; byte %d is not valid UTF-8.", i)
		case r == 0:
			return errorAt(pointRange(name, line, i-lineStart+1, i), "Not a text file", "Configuration is UTF-8 text; byte %d is NUL.", i)
		case r == '\n':
			line, lineStart = line+1, i+1
		}
		i += size
	}
	return nil
}

// native turns an expression of either syntax into one of the native syntax,
// so that a template in a JSON string is parsed once. It means the same as
// evaluating the JSON expression does.
func native(e hcl.Expression) (hclsyntax.Expression, hcl.Diagnostics) {
	if n, ok := e.(hclsyntax.Expression); ok {
		return n, nil
	}
	if elements, diags := hcl.ExprList(e); !diags.HasErrors() {
		return nativeTuple(e, elements)
	}
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		return nativeObject(e, pairs)
	}
	value, diags := e.Value(nil) // scalars; strings verbatim
	if diags.HasErrors() || !value.Type().Equals(stringType) || value.IsNull() {
		return &hclsyntax.LiteralValueExpr{Val: value, SrcRange: e.Range()}, diags
	}
	text := []byte(value.AsString())
	begin := e.Range().Start
	begin.Byte++
	begin.Column++
	if d := guardText(text, e.Range().Filename, begin, hclsyntax.LexTemplate); d != nil {
		d.Subject = e.Range().Ptr()
		return poison(e.Range()), hcl.Diagnostics{d}
	}
	parsed, diags := hclsyntax.ParseTemplate(text, e.Range().Filename, begin)
	if diags.HasErrors() {
		return poison(e.Range()), diags
	}
	return parsed, diags
}

func nativeTuple(e hcl.Expression, elements []hcl.Expression) (hclsyntax.Expression, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := &hclsyntax.TupleConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
	for _, element := range elements {
		n, d := native(element)
		diags = append(diags, d...)
		out.Exprs = append(out.Exprs, n)
	}
	return out, diags
}

func nativeObject(e hcl.Expression, pairs []hcl.KeyValuePair) (hclsyntax.Expression, hcl.Diagnostics) {
	var diags hcl.Diagnostics
	out := &hclsyntax.ObjectConsExpr{SrcRange: e.Range(), OpenRange: e.StartRange()}
	seen := map[string]hcl.Range{}
	for _, pair := range pairs {
		if name, d := pair.Key.Value(nil); !d.HasErrors() && name.Type().Equals(stringType) {
			if first, ok := seen[name.AsString()]; ok {
				diags = append(diags, errorAt(pair.Key.Range(), "Duplicate property", "%q is set at %s already; remove one of them.", name.AsString(), at(first)))
			}
			seen[name.AsString()] = pair.Key.Range()
		}
		key, d := native(pair.Key)
		diags = append(diags, d...)
		value, d := native(pair.Value)
		diags = append(diags, d...)
		out.Items = append(out.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: value})
	}
	return out, diags
}
