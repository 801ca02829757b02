package stowage

import (
	"context"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// ImageMetadata is what a run has to say of a package's image, by the names
// that docker buildx gives it in a --metadata-file.
type ImageMetadata struct {
	Digest     string             `json:"containerimage.digest"`
	Descriptor ocispec.Descriptor `json:"containerimage.descriptor"`
	// Name is the references of the image, separated by commas.
	Name string `json:"image.name"`
}

// Metadata describes the image of every package that the plan selected and
// whose steps all succeeded, by name: what this run built, and what was there.
func (w *Workspace) Metadata(ctx context.Context, plan *planner.Plan, result *executor.Result) (map[string]ImageMetadata, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	undone := undoneSteps(result)
	out := map[string]ImageMetadata{}
	for _, name := range plan.Selection {
		p := r.Package(name)
		if p == nil || slices.ContainsFunc(undone, func(s planner.Step) bool { return s.Package == name && s.Kind != planner.KindTag }) {
			continue
		}
		desc, err := w.described(ctx, p.Ref(), name, result)
		if err != nil {
			return nil, err
		}
		if desc.Digest != "" {
			out[name] = ImageMetadata{Digest: desc.Digest.String(), Descriptor: desc, Name: strings.Join(imageNames(plan, p, undone), ",")}
		}
	}
	return out, nil
}

// undoneSteps are those that did not succeed.
func undoneSteps(result *executor.Result) []planner.Step {
	var out []planner.Step
	for _, f := range result.Failed {
		out = append(out, f.Step)
	}
	for _, s := range result.Skipped {
		out = append(out, s.Step)
	}
	for _, c := range result.Cancelled {
		out = append(out, c.Step)
	}
	return out
}

// described is the image of a package as the run pushed it, wrote it or found
// it; empty when only images of single platforms were made.
func (w *Workspace) described(ctx context.Context, ref, name string, result *executor.Result) (ocispec.Descriptor, error) {
	var desc ocispec.Descriptor
	for _, kind := range []planner.Kind{planner.KindIndex, planner.KindPush} {
		for _, d := range result.Done {
			if d.Step.Package == name && d.Step.Kind == kind && d.Descriptor.Digest != "" {
				desc = d.Descriptor
			}
		}
	}
	if desc.Digest != "" {
		return ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size}, nil
	}
	store, err := w.Store()
	if err != nil {
		return desc, err
	}
	found, err := store.Lookup(ctx, ref)
	if err == nil && found == nil && slices.ContainsFunc(result.Done, func(d executor.Done) bool { return d.Step.Package == name && d.Step.FoundIn == "registry" }) {
		var remote executor.Registry
		if remote, err = w.Registry(); err == nil {
			found, err = remote.Lookup(ctx, ref)
		}
	}
	if err != nil || found == nil {
		return desc, err
	}
	return ocispec.Descriptor{MediaType: found.MediaType, Digest: digest.Digest(found.Digest), Size: found.Size}, nil
}

// imageNames are the references under which the image is after the run: its
// own, and when it is pushed those of its moving tags and of the release.
func imageNames(plan *planner.Plan, p *planner.Package, undone []planner.Step) []string {
	names := []string{p.Ref()}
	if pushed, _ := plan.Options["push"].(bool); !pushed {
		return names
	}
	tags := slices.Clone(p.ExtraTags)
	if release, _ := plan.Options["release"].(string); release != "" {
		tags = append(tags, release)
	}
	for _, tag := range tags {
		if !slices.ContainsFunc(undone, func(s planner.Step) bool { return s.Package == p.Name && s.Tag == tag }) {
			names = append(names, p.Repository+":"+tag)
		}
	}
	return names
}
