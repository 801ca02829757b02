package schema

import (
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
)

// hostRule is the grammar of a registry host: the domain of the distribution
// project's image references.
var hostRule = regexp.MustCompile(`^` + reference.DomainRegexp.String() + `$`)

// decodeRegistries reads all registry blocks.
func (l *loader) decodeRegistries() []*Registry {
	var out []*Registry
	first := map[string]hcl.Range{}
	for _, b := range l.hosts {
		host := b.Labels[0]
		if rng, ok := first[host]; ok {
			l.add(duplicate("registry", host, b.Block, rng))
			continue
		}
		first[host] = b.DefRange
		out = append(out, l.decodeRegistry(host, b))
	}
	slices.SortFunc(out, func(a, b *Registry) int { return strings.Compare(a.Host, b.Host) })
	return out
}

func (l *loader) decodeRegistry(host string, b *hclBlock) *Registry {
	c, diags := registrySpec.content(b.Body, b.scope.src)
	r := &reader{env: l.env, scope: b.scope, may: mayStatic}
	r.report(diags...)
	if !hostRule.MatchString(host) {
		r.fail(b.LabelRanges[0], "Bad registry host", "%q: a registry block is labelled with HOST or HOST:PORT, without scheme and path.", host)
	}
	out := &Registry{Host: host, Range: b.DefRange}
	r.bool(c.attributes["insecure"], &out.Insecure)
	if x := r.attribute(c.attributes["mirrors"]); x != nil {
		list, _ := r.asStrings(x)
		for _, m := range list {
			if host, _, _ := strings.Cut(m.text, "/"); !hostRule.MatchString(host) {
				r.fail(m.rng, "Bad mirror", "%q: a mirror is HOST[:PORT][/PATH], without a scheme.", m.text)
				continue
			}
			out.Mirrors = append(out.Mirrors, m.text)
		}
	}
	if x := r.attribute(c.attributes["max_requests_per_second"]); x != nil {
		if n, ok := r.asNumber(x, 0, 1e6); ok {
			out.MaxRequestsPerSecond = n
		}
	}
	l.add(r.diags...)
	return out
}
