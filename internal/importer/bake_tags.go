package importer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// bakeTag is one of a target's tags.
type bakeTag struct {
	image string // between quotes
	tag   string // an expression
	// example is the image of the first of a matrix's instances, and images are
	// those of all, if image is an expression for them.
	example string
	images  []string
	// maybe says that it is "" where a condition does not hold.
	maybe bool
}

// tagOf and imageOf take a reference apart, in expressions.
const (
	tagOf        = `try(regex(":([^/:]+)$", %)[0], "latest")`
	imageOf      = `regex("` + imagePattern + `", %)[0]`
	imagePattern = `^(.+?)(?::[^/]*)?$`
)

var imageIn = regexp.MustCompile(imagePattern)

// addTags takes over the tags: the repository is the package's image, what
// follows it is moved there when the image exists.
func (p *bakePackage) addTags() {
	x, ok := p.last("tags")
	if !ok {
		return
	}
	if !isList(x) {
		p.addDynamicTags(x)
		return
	}
	var tags []string
	maybe := false
	for _, e := range p.elements(x) {
		t, ok := p.readTag(e)
		switch {
		case !ok:
			p.notes.add(e.at, "not carried over: a tag of %s: its image is not known here", p.t.name)
			continue
		case t.image == "":
			continue
		case p.image == "":
			p.setImage(t, e.at)
			if p.taken(e) {
				continue
			}
		case p.taken(e):
			continue
		case p.image != t.image && (t.example == "" || p.imageExample != t.example):
			p.notes.add(e.at, "not carried over: tag %s of %s: a package has one image, %s", t.image, p.t.name, p.image)
			continue
		}
		tags, maybe = append(tags, t.tag), maybe || t.maybe
	}
	if len(tags) == 0 {
		return
	}
	if maybe {
		p.set("extra_tags", "compact("+list(tags)+")", x.at)
		return
	}
	p.out.add(listing("extra_tags", tags, x.at))
}

// taken says that another target has a tag already: two packages cannot both
// move it.
func (p *bakePackage) taken(x bakeExpr) bool {
	value, ok := p.textValue(x, p.example)
	if !ok || value == "" {
		return false
	}
	if other := p.tagged[value]; other != nil && other != p.t {
		p.notes.add(x.at, "not carried over: tag %s of %s: it is one of %s", value, p.t.name, other.name)
		return true
	}
	p.tagged[value] = p.t
	return false
}

// addDynamicTags takes over a list that is computed.
func (p *bakePackage) addDynamicTags(x bakeExpr) {
	all, ok := p.texts(x, p.example)
	if !ok || len(all) == 0 {
		p.notes.add(x.at, "not carried over: tags of %s: they are not known here", p.t.name)
		return
	}
	image, _, _ := strings.Cut(all[0], "@")
	image, _, _ = cutTag(template{{lit: image}})
	first := func(c map[string]cty.Value) (string, bool) {
		all, ok := p.texts(x, c)
		if !ok || len(all) == 0 {
			return "", false
		}
		return all[0], true
	}
	t := bakeTag{image: image}
	if t.images = p.imagesBy(first); len(t.images) > 0 {
		t.image = instanceImage("element("+p.text(x, p.scope)+", 0)", all[0], image)
	} else {
		p.computed = true
		p.notes.add(x.at, "the tags of %s are computed: their image is taken to be %s always", p.t.name, image)
	}
	p.setImage(t, x.at)
	for _, tag := range all {
		if other := p.tagged[tag]; tag != "" && other != nil && other != p.t {
			p.notes.add(x.at, "not carried over: the tags of %s: %s is one of %s", p.t.name, tag, other.name)
			return
		}
		p.tagged[tag] = p.t
	}
	p.set("extra_tags", "[for t in compact("+p.text(x, p.scope)+") : "+strings.Replace(tagOf, "%", "t", 1)+"]", x.at)
}

// readTag takes one tag apart. Its image is "" for an empty one.
func (p *bakePackage) readTag(x bakeExpr) (bakeTag, bool) {
	if c, ok := unwrap(x.Expression).(*hclsyntax.ConditionalExpr); ok {
		return p.conditionalTag(x, c)
	}
	parts, ok := p.template(x, p.scope)
	if text, static := parts.static(); ok && static && text == "" {
		return bakeTag{}, true
	}
	value, known := p.textValue(x, p.example)
	if ok {
		image, tag, found := cutTag(parts)
		if found || known && !strings.Contains(value[strings.LastIndex(value, "/")+1:], ":") {
			example := ""
			if known {
				example, _, _ = cutTag(template{{lit: value}})
			}
			return bakeTag{image: image, tag: tag, example: example}, true
		}
	}
	if !known || value == "" {
		return bakeTag{}, false
	}
	image, _, _ := cutTag(template{{lit: value}})
	out := bakeTag{image: image, tag: strings.Replace(tagOf, "%", p.text(x, p.scope), 1), example: image}
	out.images = p.imagesBy(func(c map[string]cty.Value) (string, bool) { return p.textValue(x, c) })
	if len(out.images) > 0 {
		out.image = instanceImage(p.text(x, p.scope), value, image)
		return out, true
	}
	p.notes.add(x.at, "a tag of %s is computed: its image is taken to be %s always", p.t.name, image)
	return out, true
}

// setImage writes what the package's image is.
func (p *bakePackage) setImage(t bakeTag, at position) {
	p.image, p.imageExample, p.instanceImages = t.image, t.example, t.images
	if len(t.images) > 0 {
		p.set("image", t.image, at)
		return
	}
	p.set("image", `"`+t.image+`"`, at)
}

// imagesBy are the images of a matrix's instances by one reference of each;
// none if they have one image, or if that is not known.
func (p *bakePackage) imagesBy(reference func(instance map[string]cty.Value) (string, bool)) []string {
	if p.example == nil {
		return nil
	}
	all, _ := p.combinations(p.t)
	var images []string
	for _, c := range all {
		value, ok := reference(c)
		if !ok {
			return nil
		}
		image, _, _ := cutTag(template{{lit: value}})
		images = append(images, image)
	}
	slices.Sort(images)
	if images = slices.Compact(images); len(images) < 2 {
		return nil
	}
	return images
}

// instanceImage is an expression for the image of each instance by one of its
// references; value and image are those of the first.
func instanceImage(reference, value, image string) string {
	expression := strings.Replace(imageOf, "%", reference, 1)
	if m := imageIn.FindStringSubmatch(value); m != nil && m[1] != image { // value leaves the registry out
		return "format(" + quote(strings.TrimSuffix(image, m[1])+"%s") + ", " + expression + ")"
	}
	return expression
}

// conditionalTag is CONDITION ? TAG : "", or the other way round, or two tags
// of one image.
func (p *bakePackage) conditionalTag(x bakeExpr, c *hclsyntax.ConditionalExpr) (bakeTag, bool) {
	yes, ok := p.readTag(x.part(c.TrueResult))
	no, also := p.readTag(x.part(c.FalseResult))
	if !ok || !also || yes.image != "" && no.image != "" && yes.image != no.image {
		return bakeTag{}, false
	}
	out := bakeTag{image: yes.image + no.image, maybe: true}
	if yes.image == no.image {
		out = bakeTag{image: yes.image, maybe: yes.maybe || no.maybe}
	}
	for _, t := range []*bakeTag{&yes, &no} {
		if t.tag == "" {
			t.tag = `""`
		}
	}
	out.tag = p.text(x.part(c.Condition), p.scope) + " ? " + yes.tag + " : " + no.tag
	return out, true
}

// cutTag cuts a reference before its tag, and says whether it has one.
func cutTag(parts template) (image, tag string, found bool) {
	for i := len(parts) - 1; i >= 0; i-- {
		lit := parts[i].lit
		if parts[i].expr != "" {
			continue
		}
		if at := strings.LastIndexAny(lit, ":/"); at >= 0 {
			if lit[at] == '/' {
				break
			}
			before := append(template{}, parts[:i]...)
			before = append(before, piece{lit: lit[:at]})
			after := template{}
			if at+1 < len(lit) {
				after = append(after, piece{lit: lit[at+1:]})
			}
			after = append(after, parts[i+1:]...)
			return fullName(before), after.expression(), true
		}
	}
	return fullName(parts), quote("latest"), false
}

// fullName writes the name of a repository with its registry, if it names an
// account.
func fullName(parts template) string {
	text, ok := parts.static()
	if !ok || !strings.Contains(text, "/") {
		return parts.inner()
	}
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return parts.inner()
	}
	return inner(named.Name())
}
