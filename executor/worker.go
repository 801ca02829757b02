package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// worker does single attempts at steps. It keeps no state of the run but the
// images that are there by now, and is used by many goroutines.
type worker struct {
	ports   Ports
	specs   Specs
	logTail int
	feed    *feed
	// local says that no registry may be asked what it has.
	local bool
	// packages are those of the plan.
	packages map[string]planner.PackageInfo

	mu sync.Mutex
	// images are those built, pulled or found in this run, by node. What one
	// build was given, all others are given.
	images map[node]ocispec.Descriptor
	// resolved are the records of the resolved hashes of nodes that this run has
	// made.
	resolved map[node]NodeEntry
	// direct are those that builders have pushed, or that were found in the
	// registry where they were to be pushed; remote are the digests of those that
	// the plan has found there.
	direct map[node]*BuildResult
	remote map[node]digest.Digest
}

type node struct{ pkg, platform string }

func newWorker(plan *planner.Plan, specs Specs, ports Ports, opts Options, feed *feed) *worker {
	w := &worker{
		ports: ports, specs: specs, logTail: opts.LogTail, feed: feed,
		packages: map[string]planner.PackageInfo{},
		images:   map[node]ocispec.Descriptor{},
		resolved: map[node]NodeEntry{},
		local:    opts.Offline,
		direct:   map[node]*BuildResult{},
		remote:   foundRemote(plan),
	}
	for _, pkg := range plan.Packages {
		w.packages[pkg.Name] = pkg
	}
	return w
}

// outcome is what came of one attempt.
type outcome struct {
	task       *task
	status     Status
	descriptor ocispec.Descriptor
	err        error
	// stopped says that the attempt failed when the run was being stopped, so
	// that the error says nothing about the step.
	stopped bool
}

// attempt does the task's step once.
func (w *worker) attempt(ctx context.Context, t *task) outcome {
	o := outcome{task: t}
	if o.err = ctx.Err(); o.err == nil {
		o.status, o.descriptor, o.err = w.do(ctx, t)
	}
	if o.err != nil {
		o.stopped = ctx.Err() != nil
		o.descriptor = ocispec.Descriptor{}
		o.err = fmt.Errorf("%s: %w", title(t), o.err)
	}
	return o
}

// title says what a step does, for errors.
func title(t *task) string {
	s := t.step
	switch {
	case s.Platform != "":
		return fmt.Sprintf("%s %s for %s", s.Kind, s.Package, s.Platform)
	case s.Kind == planner.KindTag:
		return fmt.Sprintf("tag %s as %s", s.Package, s.Tag)
	default:
		return fmt.Sprintf("%s %s", s.Kind, s.Package)
	}
}

func (w *worker) do(ctx context.Context, t *task) (Status, ocispec.Descriptor, error) {
	var desc ocispec.Descriptor
	var err error
	switch t.step.Kind {
	case planner.KindBuild:
		return w.build(ctx, t)
	case planner.KindPull:
		desc, err = w.pull(ctx, t)
		return StatusPulled, desc, err
	case planner.KindIndex:
		desc, err = w.index(ctx, t)
		w.attach(ctx, t, w.ports.Store, desc, err)
		return StatusIndexed, desc, err
	case planner.KindPush:
		desc, err = w.push(ctx, t)
		if !t.step.NoIndex {
			w.attach(ctx, t, w.ports.Registry, desc, err)
		}
		if err == nil {
			w.pushResolved(ctx, t)
		}
		return StatusPushed, desc, err
	case planner.KindLoad:
		return StatusLoaded, desc, w.load(ctx, t)
	default:
		return StatusTagged, desc, w.ports.Registry.Tag(ctx, t.pkg.Ref, t.step.Tag)
	}
}

// push makes the registry have the package: what the store has of it, or what
// builders have pushed.
func (w *worker) push(ctx context.Context, t *task) (ocispec.Descriptor, error) {
	opts := PushOptions{Platforms: t.platforms, All: t.pkg.Platforms, Overwrite: t.overwrite, Anew: t.anew, NoIndex: t.step.NoIndex}
	if t.direct() {
		return w.publish(ctx, t, opts)
	}
	return w.ports.Registry.Push(ctx, t.pkg.Ref, opts)
}

// pull copies a node from the registry into the store.
func (w *worker) pull(ctx context.Context, t *task) (ocispec.Descriptor, error) {
	res, err := w.ports.Registry.Pull(ctx, t.pkg.Ref, t.step.Platform)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if res == nil || res.Manifest.Digest == "" {
		return ocispec.Descriptor{}, errors.New("the registry answered with no image")
	}
	if got := res.Manifest.Digest.String(); t.step.Digest != "" && got != t.step.Digest {
		return ocispec.Descriptor{}, fmt.Errorf("%s is %s now, and was %s when the plan was made: plan again", t.pkg.Ref, got, t.step.Digest)
	}
	return res.Manifest, w.keep(ctx, t, res)
}

// load gives a container engine the images of the nodes that the step needs.
func (w *worker) load(ctx context.Context, t *task) error {
	var images []ocispec.Descriptor
	for _, need := range t.needs {
		if need.step.Package != t.step.Package || need.step.Platform == "" {
			continue
		}
		desc, err := w.image(ctx, node{t.step.Package, need.step.Platform})
		if err != nil {
			return err
		}
		platform, err := platforms.Parse(need.step.Platform)
		if err != nil {
			return fmt.Errorf("platform %s: %w", need.step.Platform, err)
		}
		desc.Platform = &platform
		images = append(images, desc)
	}
	return w.ports.Loader.Load(ctx, t.pkg.Ref, images)
}

// keep puts an image into the store's index. What was built or pulled is kept
// even if the run is being stopped.
func (w *worker) keep(ctx context.Context, t *task, res *BuildResult) error {
	err := w.ports.Store.PutNode(context.WithoutCancel(ctx), NodeEntry{
		Ref: t.pkg.Ref, Hash: t.pkg.Hash, Platform: t.step.Platform, Platforms: t.pkg.Platforms,
		BuildResult: *res,
	})
	if err != nil {
		return err
	}
	w.remember(node{t.step.Package, t.step.Platform}, res.Manifest)
	return nil
}

// index orders the package's index in the store: the platforms of this run,
// and those that were there before.
func (w *worker) index(ctx context.Context, t *task) (ocispec.Descriptor, error) {
	image, err := w.ports.Store.Lookup(ctx, t.pkg.Ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var platforms []string
	for _, p := range t.pkg.Platforms {
		if slices.Contains(t.platforms, p) || (image != nil && image.Manifests[p].Digest != "") {
			platforms = append(platforms, p)
		}
	}
	return w.ports.Store.PutIndex(context.WithoutCancel(ctx), t.pkg.Ref, platforms,
		map[string]string{planner.AnnotationHash: t.pkg.Hash})
}

// attach keeps the package's inputs beside its index. They explain later plans
// and decide nothing, so not being able to is only a warning.
func (w *worker) attach(ctx context.Context, t *task, to any, index ocispec.Descriptor, err error) {
	attacher, ok := to.(Attacher)
	if err != nil || !ok || w.specs == nil {
		return
	}
	inputs := w.specs.Inputs(t.step.Package)
	if inputs == nil || inputs.Hash != t.pkg.Hash {
		return
	}
	data, err := json.Marshal(inputs)
	if err == nil {
		err = attacher.Attach(context.WithoutCancel(ctx), t.pkg.Ref, index, planner.InputsType, data)
	}
	if err != nil {
		w.feed.warn(t, fmt.Errorf("keep the inputs of %s: %w", t.step.Package, err))
	}
}

// image returns the image of a node, which this run has built or pulled, or
// which is in the store.
func (w *worker) image(ctx context.Context, n node) (ocispec.Descriptor, error) {
	w.mu.Lock()
	desc, ok := w.images[n]
	w.mu.Unlock()
	if ok {
		return desc, nil
	}
	pkg, ok := w.packages[n.pkg]
	if !ok {
		return desc, fmt.Errorf("the plan does not have package %q, which the build uses", n.pkg)
	}
	desc, found, err := w.stored(ctx, pkg, n.platform)
	if err != nil {
		return desc, fmt.Errorf("look up %s in the store: %w", pkg.Ref, err)
	}
	if !found {
		return desc, fmt.Errorf("%s for %s is not in the store, as it was planned to be: plan again", pkg.Ref, n.platform)
	}
	return w.remember(n, desc), nil
}

// remember keeps the first image of a node and returns it.
func (w *worker) remember(n node, desc ocispec.Descriptor) ocispec.Descriptor {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first, ok := w.images[n]; ok {
		return first
	}
	w.images[n] = desc
	return desc
}

// stored finds the package's image for a platform in the store, made of the
// inputs that the plan is about.
func (w *worker) stored(ctx context.Context, pkg planner.PackageInfo, platform string) (ocispec.Descriptor, bool, error) {
	image, err := w.ports.Store.Lookup(ctx, pkg.Ref)
	if err != nil || image == nil || image.Hash != pkg.Hash {
		return ocispec.Descriptor{}, false, err
	}
	desc, ok := image.Manifests[platform]
	return desc, ok, nil
}
