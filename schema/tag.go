package schema

import (
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// tagRule is the grammar of tags in the OCI distribution specification.
var tagRule = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)

// Tag evaluates the package's tag for the hash that tags are made of (40 hex
// digits); the default is that hash. It is safe for concurrent use.
func (w *Workspace) Tag(p *Package, hash string, identity func(name string) (Identity, bool)) (string, hcl.Diagnostics) {
	d := p.Declaration
	x := d.merged.scalars["tag"]
	if x == nil {
		return hash, nil
	}
	ev := w.env.newEvaluation(d, identity)
	ev.variables["self"] = cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(d.Name), "image": cty.StringVal(d.Repository), "hash": cty.StringVal(hash),
	})
	ev.addPackages()
	tag, ok := ev.asString(x)
	switch {
	case ok:
		ev.checkTag(located{tag, x.Range()})
	case len(ev.diags) == 0 && !ev.unknown:
		return hash, nil // null counts as not set
	case len(ev.diags) == 0:
		ev.fail(x.Range(), "Value not known", "tag cannot be evaluated.")
	}
	return tag, arrange(ev.diags)
}

// readTag checks a tag that can be known while loading. A tag that is made of
// the hash is evaluated by Workspace.Tag.
func (ev *evaluation) readTag() {
	x := ev.merged.scalars["tag"]
	if x == nil {
		return
	}
	if tag, ok := ev.asString(x); ok {
		ev.checkTag(located{tag, x.Range()})
	}
	ev.unknown = false // it stays for Workspace.Tag
}

func (r *reader) checkTag(tag located) bool {
	if tagRule.MatchString(tag.text) {
		return true
	}
	r.fail(tag.rng, "Bad tag", "%q is no tag: up to 128 letters, digits and _ . -, not beginning with . or -.", tag.text)
	return false
}

// readTags reads extra_tags.
func (ev *evaluation) readTags() {
	list, ok := ev.list("extra_tags")
	if !ok {
		return
	}
	ev.out.ExtraTags = nil
	for _, tag := range list {
		if ev.checkTag(tag) && !slices.Contains(ev.out.ExtraTags, tag.text) {
			ev.out.ExtraTags = append(ev.out.ExtraTags, tag.text)
		}
	}
}
