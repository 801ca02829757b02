package schema

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// bodySpec says what may stand in one kind of block.
type bodySpec struct {
	// where names the block in messages: "a package block".
	where      string
	attributes []string
	blocks     []hcl.BlockHeaderSchema
	// later are names, of attributes or blocks, that a later version gives a
	// meaning. They are refused as such.
	later []string
	// hints say what to write instead of names known from other tools.
	hints map[string]string
	// schema is the attributes and blocks as HCL wants them.
	schema *hcl.BodySchema
}

func newSpec(s bodySpec) *bodySpec {
	s.schema = &hcl.BodySchema{Blocks: s.blocks}
	for _, a := range s.attributes {
		s.schema.Attributes = append(s.schema.Attributes, hcl.AttributeSchema{Name: a})
	}
	return &s
}

// The blocks and attributes that exist. docs/config.md describes them.
var (
	fileSpec = newSpec(bodySpec{
		where: "a configuration file",
		blocks: []hcl.BlockHeaderSchema{
			{Type: "workspace"}, {Type: "locals"}, {Type: "defaults"},
			{Type: "variable", LabelNames: []string{"name"}},
			{Type: "package", LabelNames: []string{"name"}},
			{Type: "group", LabelNames: []string{"name"}},
			{Type: "builder", LabelNames: []string{"name"}},
			{Type: "registry", LabelNames: []string{"host"}},
			{Type: "function", LabelNames: []string{"name"}},
		},
		later: []string{"sign"},
		hints: map[string]string{
			"target": `Write a block: package "NAME" { … }`,
			"output": "An output block stands in a package or defaults block",
			"local":  "Write a block: locals { … }",
			"args":   "Arguments belong in a package or defaults block",
		},
	})
	workspaceSpec = newSpec(bodySpec{
		where:      "a workspace block",
		attributes: []string{"name", "registry", "platforms", "members", "required_version"},
		hints:      map[string]string{"version": "The attribute is required_version", "packages": "The attribute is members"},
	})
	variableSpec = newSpec(bodySpec{
		where:      "a variable block",
		attributes: []string{"type", "default", "description", "sensitive", "env"},
		blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
		later:      []string{"ephemeral", "nullable"},
	})
	validationSpec = newSpec(bodySpec{
		where:      "a validation block",
		attributes: []string{"condition", "error_message"},
	})
	packageSpec = newSpec(bodySpec{
		where:      "a package block",
		attributes: append([]string{"for_each", "image"}, commonAttributes...),
		blocks:     commonBlocks,
		later:      laterInPackage,
		hints:      packageHints,
	})
	defaultsSpec = newSpec(bodySpec{
		where:      "a defaults block",
		attributes: append([]string{"image"}, commonAttributes...),
		blocks:     commonBlocks,
		later:      laterInPackage,
		hints:      packageHints,
	})
	commonAttributes = []string{
		"context", "dockerfile", "dockerfile_inline", "target", "platforms", "args", "contexts", "depends_on",
		"ssh", "network", "labels", "annotations", "tag", "extra_tags", "cache_from", "cache_to", "no_cache",
		"cache_mode", "refresh", "reproducible", "timeout", "retries", "revision", "pins", "allow_outside",
		"shm_size", "ulimits", "extra_hosts", "cgroup_parent", "no_cache_stages", "pull",
	}
	commonBlocks = []hcl.BlockHeaderSchema{
		{Type: "platform", LabelNames: []string{"platform"}},
		{Type: "source", LabelNames: []string{"path"}},
		{Type: "secret", LabelNames: []string{"id"}},
		{Type: "attest"},
		{Type: "archive", LabelNames: []string{"path"}},
		{Type: "output", LabelNames: []string{"type"}},
	}
	laterInPackage = []string{"sign"}
	packageHints   = map[string]string{
		"no_cache_filter": "The attribute is no_cache_stages",
		"count":           "Use for_each with a set of names: toset([…])",
		"tags":            "The attributes are tag, for the tag of the hash, and extra_tags, for moving tags",
		"build_args":      "The attribute is args",
		"buildargs":       "The attribute is args",
		"path":            "The attribute is context",
		"dir":             "The attribute is context",
		"arches":          "The attribute is platforms",
		"depends":         "The attribute is depends_on",
		"deps":            "The attribute is depends_on",
		"needs":           "The attribute is depends_on",
		"secrets":         `Write a block for each: secret "ID" { env = … }`,
		"sources":         `Write a block for each: source "PATH" { to = … }`,
		"outputs":         `Write a block for each: output "local" { dest = … }`,
		"inherits":        "Put what packages share into a defaults block or into locals",
		"matrix":          "The attribute is for_each",
		"registry":        "The registry is an attribute of the workspace block",
		"members":         "members is an attribute of the workspace block",
		"description":     "Use a comment, or labels for what belongs into the image",
	}
	platformSpec = newSpec(bodySpec{
		where:      "a platform block",
		attributes: []string{"args", "target", "network", "timeout", "no_cache"},
	})
	sourceSpec = newSpec(bodySpec{where: "a source block", attributes: []string{"to", "include", "exclude"}})
	secretSpec = newSpec(bodySpec{
		where:      "a secret block",
		attributes: []string{"env", "file"},
		hints:      map[string]string{"value": "Name where the value is read when a build starts: env = … or file = …"},
	})
	archiveSpec  = newSpec(bodySpec{where: "an archive block", attributes: []string{"images", "format"}})
	outputSpec   = newSpec(bodySpec{where: "an output block", attributes: []string{"dest"}})
	attestSpec   = newSpec(bodySpec{where: "an attest block", attributes: []string{"provenance", "sbom", "scanner"}})
	functionSpec = newSpec(bodySpec{
		where:      "a function block",
		attributes: []string{"params", "variadic_params", "result"},
		hints:      map[string]string{"variadic_param": "The attribute is variadic_params"},
	})
	groupSpec   = newSpec(bodySpec{where: "a group block", attributes: []string{"packages"}})
	builderSpec = newSpec(bodySpec{
		where:      "a builder block",
		attributes: []string{"endpoint", "platforms", "native", "slots"},
		blocks:     []hcl.BlockHeaderSchema{{Type: "tls"}},
	})
	tlsSpec      = newSpec(bodySpec{where: "a tls block", attributes: []string{"ca", "cert", "key", "server_name"}})
	registrySpec = newSpec(bodySpec{
		where:      "a registry block",
		attributes: []string{"insecure", "mirrors", "max_requests_per_second"},
	})
)

// content is a checked body.
type content struct {
	attributes hcl.Attributes
	blocks     hcl.Blocks
	// missing is where to point for something that should be there.
	missing hcl.Range
}

// content checks body against the specification. What is wrong is left out of
// the result.
func (s *bodySpec) content(body hcl.Body, src []byte) (*content, hcl.Diagnostics) {
	got, rest, diags := body.PartialContent(s.schema)
	if n, ok := body.(*hclsyntax.Body); ok {
		diags = append(diags, s.unknownNative(n)...)
	} else {
		diags = append(diags, s.unknownJSON(rest, src)...)
	}
	c := &content{attributes: got.Attributes, missing: got.MissingItemRange}
	for _, b := range got.Blocks {
		if slices.Contains(s.later, b.Type) {
			diags = append(diags, notYet(b.TypeRange, b.Type, s.where))
			continue
		}
		c.blocks = append(c.blocks, b)
	}
	return c, diags
}

func (s *bodySpec) unknownNative(body *hclsyntax.Body) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for name, a := range body.Attributes {
		if !slices.Contains(s.attributes, name) {
			diags = append(diags, s.unknown(name, false, a.NameRange))
		}
	}
	for _, b := range body.Blocks {
		if !s.hasBlock(b.Type) {
			diags = append(diags, s.unknown(b.Type, true, b.TypeRange))
		}
	}
	return diags
}

// unknownJSON finds the properties that no attribute or block of s has. JSON
// does not tell attributes from blocks.
func (s *bodySpec) unknownJSON(rest hcl.Body, src []byte) hcl.Diagnostics {
	_, found := rest.Content(&hcl.BodySchema{})
	var diags hcl.Diagnostics
	for _, d := range found {
		if d.Subject == nil || !d.Subject.CanSliceBytes(src) {
			diags = append(diags, d)
			continue
		}
		if name, err := strconv.Unquote(string(d.Subject.SliceBytes(src))); err == nil {
			diags = append(diags, s.unknown(name, false, *d.Subject))
		}
	}
	return diags
}

func (s *bodySpec) unknown(name string, block bool, rng hcl.Range) *hcl.Diagnostic {
	what, summary := "attribute", "Unknown attribute"
	if block {
		what, summary = "block", "Unknown block"
	}
	switch hint := s.hints[name]; {
	case slices.Contains(s.later, name):
		return notYet(rng, name, s.where)
	case hint != "":
		return errorAt(rng, summary, "%q is no %s of %s. %s.", name, what, s.where, hint)
	case block && slices.Contains(s.attributes, name):
		return errorAt(rng, summary, "%q is an attribute of %s: write %s = …", name, s.where, name)
	case !block && s.hasBlock(name):
		return errorAt(rng, summary, "%q is a block of %s: write %s { … }", name, s.where, name)
	}
	names := s.attributes
	for _, b := range s.blocks {
		names = append(slices.Clip(names), b.Type)
	}
	suggestion := didYouMean(name, names, nil)
	if suggestion == "" {
		suggestion = fmt.Sprintf(" Known here: %s.", oneOf(slices.Sorted(slices.Values(names))))
	}
	return errorAt(rng, summary, "%q is no %s of %s.%s", name, what, s.where, suggestion)
}

func (s *bodySpec) hasBlock(name string) bool {
	return slices.ContainsFunc(s.blocks, func(b hcl.BlockHeaderSchema) bool { return b.Type == name })
}

func notYet(rng hcl.Range, name, where string) *hcl.Diagnostic {
	return errorAt(rng, fmt.Sprintf("%q is not supported yet", name),
		"A later version of Stowage gives %q in %s its meaning; this one cannot do what it asks for. Remove it.", name, where)
}
