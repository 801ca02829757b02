package lockfile

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// The words of the file.
const (
	blockImage    = "image"
	attrDigest    = "digest"
	attrPlatforms = "platforms"
)

// remedy ends every diagnostic: nobody is expected to write this file.
const remedy = `"stowage lock" writes this file: undo the edit, or delete what is wrong and run it.`

// Parse reads the text of a lock file. The lock is nil when there are errors.
// Ranges are of the file Name.
func Parse(src []byte) (*planner.Lock, hcl.Diagnostics) {
	file, diags := schema.Parse(Name, src)
	p := &parser{lock: &planner.Lock{Images: map[string]planner.LockedImage{}}, first: map[string]hcl.Range{}}
	p.report(diags)
	if file != nil && !diags.HasErrors() {
		p.file(file.Body)
	}
	if p.diags.HasErrors() {
		return nil, p.diags
	}
	return p.lock, p.diags
}

// parser is one reading of a file. Values are literals: nothing is evaluated.
type parser struct {
	lock  *planner.Lock
	first map[string]hcl.Range
	diags hcl.Diagnostics
}

// report takes over diagnostics of the HCL library.
func (p *parser) report(diags hcl.Diagnostics) {
	for _, d := range diags {
		explained := *d
		explained.Detail += " " + remedy
		p.diags = append(p.diags, &explained)
	}
}

func (p *parser) fail(at hcl.Range, summary, format string, args ...any) {
	p.report(hcl.Diagnostics{{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &at}})
}

func (p *parser) file(body hcl.Body) {
	content, diags := body.Content(&hcl.BodySchema{
		Blocks: []hcl.BlockHeaderSchema{{Type: blockImage, LabelNames: []string{"name"}}},
	})
	p.report(diags)
	for _, block := range content.Blocks {
		p.image(block)
	}
}

// image reads one block.
func (p *parser) image(block *hcl.Block) {
	content, diags := block.Body.Content(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: attrDigest, Required: true}, {Name: attrPlatforms, Required: true},
	}})
	p.report(diags)
	name := block.Labels[0]
	p.name(name, block.LabelRanges[0])
	var image planner.LockedImage
	if a := content.Attributes[attrDigest]; a != nil {
		image.Digest = p.digest(a.Expr)
	}
	if a := content.Attributes[attrPlatforms]; a != nil {
		image.Platforms = p.platforms(a.Expr)
	}
	p.lock.Images[name] = image
}

func (p *parser) name(name string, at hcl.Range) {
	if first, twice := p.first[name]; twice {
		p.fail(at, "Image is locked twice", "%s has a block at %s:%d already.", name, first.Filename, first.Start.Line)
		return
	}
	p.first[name] = at
	if fault := nameFault(name); fault != "" {
		p.fail(at, "Bad image name", "%s.", fault)
	}
}

// nameFault says what is wrong with an image's name, or is "".
func nameFault(name string) string {
	full, pinned, err := planner.LockName(name)
	switch {
	case err != nil:
		return err.Error()
	case pinned:
		return fmt.Sprintf("%q has a digest, which needs no lock", name)
	case full != name:
		return fmt.Sprintf("%q is written out in full here: %q", name, full)
	}
	return ""
}

func (p *parser) digest(expr hcl.Expression) string {
	text, ok := p.literal(expr)
	if fault := digestFault(text); ok && fault != "" {
		p.fail(expr.Range(), "Bad digest", "%s.", fault)
	}
	return text
}

// digestFault says what is wrong with a digest, or is "". The store holds
// sha256 only.
func digestFault(text string) string {
	d, err := digest.Parse(text)
	if err != nil || d.Algorithm() != digest.SHA256 {
		return fmt.Sprintf("%q: a digest is \"sha256:\" and 64 hex digits", text)
	}
	return ""
}

func (p *parser) platforms(expr hcl.Expression) []string {
	items, diags := hcl.ExprList(expr)
	if diags.HasErrors() || len(items) == 0 {
		p.fail(expr.Range(), "Bad platforms", "These are a list of one platform or more, such as [\"linux/amd64\"].")
		return nil
	}
	var all []string
	for _, item := range items {
		text, ok := p.literal(item)
		if !ok {
			continue
		}
		if fault := platformFault(text, all); fault != "" {
			p.fail(item.Range(), "Bad platform", "%s.", fault)
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// platformFault says what is wrong with a platform that comes after others, or
// is "".
func platformFault(text string, others []string) string {
	platform, err := imageindex.ParsePlatform(text)
	if err != nil {
		return err.Error()
	}
	if full := imageindex.FormatPlatform(&platform); full != text {
		return fmt.Sprintf("%q is written %q here", text, full)
	}
	if slices.Contains(others, text) {
		return fmt.Sprintf("%q is there twice", text)
	}
	return ""
}

// literal returns the text of an expression that is a string without
// templates.
func (p *parser) literal(expr hcl.Expression) (string, bool) {
	if t, ok := expr.(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
		if value, diags := t.Value(nil); !diags.HasErrors() {
			return value.AsString(), true
		}
	}
	p.fail(expr.Range(), "Not a string", "Values in this file are strings as they stand.")
	return "", false
}
