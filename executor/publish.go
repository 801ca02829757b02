package executor

import (
	"context"
	"fmt"
	"maps"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// Publisher is a Registry to which builders push images by their digests, so
// that nothing but manifests passes this machine.
type Publisher interface {
	// Published returns what the registry has, complete, under ref's tag for the
	// platform alone; nil when that is nothing.
	Published(ctx context.Context, ref, platform string) (*BuildResult, error)
	// Pushed returns the image for platform and what is about it, of what a
	// builder has pushed to ref's repository, and which must all be there: what
	// is not is an error for which Transient reports true. With keep it is put under ref's tag
	// for the platform, where the next run finds it, unless there is one already:
	// then that is returned.
	Pushed(ctx context.Context, ref, platform string, pushed ocispec.Descriptor, keep bool) (*BuildResult, error)
	// Publish is Registry.Push for images, their Platform set, that ref's
	// repository has. hash is kept in AnnotationHash of the index.
	Publish(ctx context.Context, ref, hash string, images []BuildResult, opts PushOptions) (ocispec.Descriptor, error)
}

// direct reports whether the step is about an image that its builder pushes.
func (t *task) direct() bool { return t.step.Output == planner.OutputRegistry }

// checkDirect looks for what a step cannot do without when builders push.
func (p *preparation) checkDirect(t *task) {
	if !t.direct() {
		return
	}
	_, ok := p.ports.Registry.(Publisher)
	p.require(t, ok, "registry that takes images from builders")
	if t.spec != nil && len(t.spec.Archives) > 0 {
		p.problem("step %s puts archives of images into the context, for which the images must be in the store", t.step.ID)
	}
}

// foundRemote are the digests of the nodes that the plan has found in the
// registry.
func foundRemote(plan *planner.Plan) map[node]digest.Digest {
	out := map[node]digest.Digest{}
	for _, s := range plan.Steps {
		if s.Kind == planner.KindReuse && s.FoundIn == "registry" && s.Digest != "" {
			out[node{s.Package, s.Platform}] = digest.Digest(s.Digest)
		}
	}
	return out
}

// requestDirect completes a build whose image goes into the registry, with
// images from there.
func (w *worker) requestDirect(t *task, req *BuildRequest) error {
	req.PushTo = t.pkg.Image
	for _, use := range t.spec.Uses {
		image, err := w.remoteImage(use)
		if err != nil {
			return err
		}
		req.Images = append(req.Images, image)
	}
	req.RemoteContexts = maps.Clone(req.RemoteContexts)
	for _, base := range t.spec.Bases {
		req.addRemote(base)
	}
	return nil
}

// remoteImage is the image of a node in the registry.
func (w *worker) remoteImage(use ImageUse) (NamedImage, error) {
	pkg, ok := w.packages[use.Package]
	if !ok {
		return NamedImage{}, fmt.Errorf("the plan does not have package %q, which the build uses", use.Package)
	}
	n := node{use.Package, use.Platform}
	image := NamedImage{Name: use.Name, Platform: use.Platform, Repository: pkg.Image}
	w.mu.Lock()
	defer w.mu.Unlock()
	if res := w.direct[n]; res != nil {
		image.Descriptor = res.Manifest
		return image, nil
	}
	image.Descriptor.Digest, ok = w.remote[n]
	if !ok {
		return image, fmt.Errorf("%s for %s is not in the registry, as it was planned to be: plan again", pkg.Ref, use.Platform)
	}
	return image, nil
}

// keeps reports whether an image is put under a tag before its package is
// complete: under one that names its inputs, and that nobody asked to replace.
func (t *task) keeps() bool { return namesHash(t.pkg) && t.step.Reason != planner.ReasonForced }

// published finds the node in the registry, where a run that did not come to
// its end, or another one meanwhile, has left it.
func (w *worker) published(ctx context.Context, t *task) (ocispec.Descriptor, bool, error) {
	if !t.keeps() {
		return ocispec.Descriptor{}, false, nil
	}
	res, err := w.publisher().Published(ctx, t.pkg.Ref, t.step.Platform)
	if err != nil || res == nil {
		return ocispec.Descriptor{}, false, err
	}
	w.rememberDirect(t, res)
	return res.Manifest, true, nil
}

// pushed finds out what a builder has pushed. That is kept even if the run is
// being stopped.
func (w *worker) pushed(ctx context.Context, t *task, res *BuildResult) (*BuildResult, error) {
	res, err := w.publisher().Pushed(context.WithoutCancel(ctx), t.pkg.Ref, t.step.Platform, res.Manifest, t.keeps())
	if err == nil {
		w.rememberDirect(t, res)
	}
	return res, err
}

// publish writes the tags and the index of what builders have pushed.
func (w *worker) publish(ctx context.Context, t *task, opts PushOptions) (ocispec.Descriptor, error) {
	var images []BuildResult
	w.mu.Lock()
	for _, platform := range opts.Platforms {
		if res := w.direct[node{t.step.Package, platform}]; res != nil {
			images = append(images, *res)
		}
	}
	w.mu.Unlock()
	return w.publisher().Publish(ctx, t.pkg.Ref, t.pkg.Hash, images, opts)
}

func (w *worker) publisher() Publisher {
	p, _ := w.ports.Registry.(Publisher) // checked before the run
	return p
}

func (w *worker) rememberDirect(t *task, res *BuildResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.direct[node{t.step.Package, t.step.Platform}] = res
}
