package planner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readLayouts finds the digests of named contexts that are OCI layouts and
// that the configuration does not pin: what the layout's index says is what is
// built with, and so what is hashed.
func (r *resolver) readLayouts(ctx context.Context, p *Package) (hcl.Diagnostics, error) {
	var diags hcl.Diagnostics
	for _, name := range sortedKeys(p.Contexts) {
		c := p.Contexts[name]
		if c.Layout == "" || c.Pin != "" {
			continue
		}
		content, err := r.opts.Sources.Dockerfile(ctx, c.Layout, ocispec.ImageIndexFile)
		if err != nil && !isConfigurationMistake(err) {
			return diags, err
		}
		if err == nil {
			c.Pin, err = imageInLayout(content, c.Tag)
		}
		if err != nil {
			rng := p.Range("contexts." + name)
			diags = append(diags, &hcl.Diagnostic{
				Severity: hcl.DiagError, Summary: "Cannot use the OCI layout",
				Detail: fmt.Sprintf("%s: %v.", joinPath(c.Layout, ocispec.ImageIndexFile), err), Subject: &rng,
			})
			continue
		}
		p.Contexts[name] = c
	}
	return diags, nil
}

// imageInLayout returns the digest of the image of that tag (see the OCI image
// layout specification on annotations of index.json), or of the only one.
func imageInLayout(content []byte, tag string) (string, error) {
	var index ocispec.Index
	if err := json.Unmarshal(content, &index); err != nil {
		return "", fmt.Errorf("it is no index of an OCI layout: %w", err)
	}
	var tags []string
	var found []godigest.Digest
	for _, m := range index.Manifests {
		name := m.Annotations[ocispec.AnnotationRefName]
		tags = append(tags, name)
		if tag == "" || name == tag {
			found = append(found, m.Digest)
		}
	}
	slices.Sort(found)
	switch found = slices.Compact(found); {
	case len(found) == 0 && tag != "":
		return "", fmt.Errorf("it has no image tagged %q, but %q", tag, tags)
	case len(found) == 0:
		return "", errors.New("there is no image in it")
	case len(found) > 1:
		return "", fmt.Errorf("it has several images; name one of them by its tag, of %q, or its digest", tags)
	}
	return found[0].String(), found[0].Validate()
}
