package schema

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// endpointSchemes are the kinds of BuildKit endpoints.
var endpointSchemes = []string{"unix", "tcp", "ssh", "docker-container", "podman-container", "kube-pod"}

const (
	defaultSlots = 4
	maxSlots     = 10_000
)

// decodeBuilders reads all builder blocks.
func (l *loader) decodeBuilders() []*Builder {
	var out []*Builder
	first := map[string]hcl.Range{}
	for _, b := range l.builders {
		name := b.Labels[0]
		if rng, ok := first[name]; ok {
			l.add(duplicate("builder", name, b.Block, rng))
			continue
		}
		first[name] = b.DefRange
		if !nameRule.MatchString(name) {
			l.add(errorAt(b.LabelRanges[0], "Bad builder name", "%q: use letters, digits, _ and -, beginning with a letter.", name))
		}
		out = append(out, l.decodeBuilder(name, b))
	}
	slices.SortFunc(out, func(a, b *Builder) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (l *loader) decodeBuilder(name string, b *hclBlock) *Builder {
	c, diags := builderSpec.content(b.Body, b.scope.src)
	r := &reader{env: l.env, scope: b.scope, may: mayStatic}
	r.report(diags...)
	out := &Builder{Name: name, Range: b.DefRange, Slots: defaultSlots}
	r.require(c, builderSpec, "endpoint", `"tcp://HOST:1234"`)
	if r.string(c.attributes["endpoint"], &out.Endpoint) {
		r.checkEndpoint(out.Endpoint, c.attributes["endpoint"].Expr.Range())
	}
	r.builderPlatforms(c, out)
	if x := r.attribute(c.attributes["slots"]); x != nil {
		if n, ok := r.asInt(x, 1, maxSlots); ok {
			out.Slots = n
		}
	}
	for i, t := range c.blocks {
		if i > 0 {
			r.fail(t.DefRange, "Duplicate tls block", "There is a tls block at %s already.", at(c.blocks[0].DefRange))
			break
		}
		out.TLS = r.tls(b, t, out.Endpoint)
	}
	l.add(r.diags...)
	return out
}

// builderPlatforms reads platforms and native. Without platforms the builder is
// for all that it says it runs, and so what it is may be left to it too.
func (r *reader) builderPlatforms(c *content, out *Builder) {
	if x := r.attribute(c.attributes["platforms"]); x != nil {
		if list, ok := r.asStrings(x); ok {
			out.Platforms = r.platformList(list)
			if len(list) == 0 {
				r.fail(x.Range(), "No platforms", "platforms lists at least one; without the attribute the builder is asked.")
			}
		}
	}
	if len(out.Platforms) > 0 {
		out.Native = out.Platforms[0]
	}
	x := r.attribute(c.attributes["native"])
	if x == nil {
		return
	}
	s, ok := r.asString(x)
	if !ok {
		return
	}
	if p, ok := r.platform(located{s, x.Range()}); ok {
		out.Native = p
		if len(out.Platforms) > 0 && !slices.Contains(out.Platforms, p) {
			r.fail(x.Range(), "Native platform not listed", "%s is not among platforms (%s): add it there.", p, strings.Join(out.Platforms, ", "))
		}
	}
}

// checkEndpoint checks SCHEME://…
func (r *reader) checkEndpoint(endpoint string, rng hcl.Range) {
	scheme, rest, ok := strings.Cut(endpoint, "://")
	if !ok || !slices.Contains(endpointSchemes, scheme) {
		r.fail(rng, "Bad endpoint", "%q: an endpoint begins with %s.%s", endpoint, schemes(), didYouMean(scheme, endpointSchemes, func(s string) string { return s + "://" }))
		return
	}
	if _, err := url.Parse(endpoint); err != nil || rest == "" {
		r.fail(rng, "Bad endpoint", "%q has no address after %s://", endpoint, scheme)
	}
}

func schemes() string {
	return strings.Join(endpointSchemes, "://, ") + "://"
}

// tls reads the names of PEM files.
func (r *reader) tls(b *hclBlock, t *hcl.Block, endpoint string) *TLS {
	c, diags := tlsSpec.content(t.Body, b.scope.src)
	r.report(diags...)
	if endpoint != "" && !strings.HasPrefix(endpoint, "tcp://") {
		r.fail(t.DefRange, "TLS without TCP", "Only tcp:// endpoints use TLS; remove the tls block.")
	}
	out := &TLS{}
	r.pemFile(c.attributes["ca"], &out.CA)
	r.pemFile(c.attributes["cert"], &out.Cert)
	r.pemFile(c.attributes["key"], &out.Key)
	r.string(c.attributes["server_name"], &out.ServerName)
	if (c.attributes["cert"] == nil) != (c.attributes["key"] == nil) {
		r.fail(t.DefRange, "Incomplete client certificate", "cert and key go together.")
	}
	return out
}

func (r *reader) pemFile(a *hcl.Attribute, to *string) {
	if !r.string(a, to) {
		return
	}
	if path.IsAbs(*to) {
		*to = path.Clean(*to)
		return
	}
	full, err := resolve(r.scope.dir, *to)
	if err != nil {
		r.fail(a.Expr.Range(), "Bad path", "%s: %s.", fmt.Sprintf("%q", *to), err)
		return
	}
	*to = full
}
