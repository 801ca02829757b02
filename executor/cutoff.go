package executor

import (
	"context"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// NodeFinder is a Store that gives back whole nodes. Builds are cut off only on
// such a store.
type NodeFinder interface {
	// FindNode returns the image for platform that the store has under ref, made
	// of hash, with the attestations about it; nil when that is not all there.
	FindNode(ctx context.Context, ref, hash, platform string) (*BuildResult, error)
}

// ResolvedPusher is a Registry that keeps the records of resolved hashes.
type ResolvedPusher interface {
	// PushResolved writes the index that the store has under ref, whose images
	// have been pushed to ref's repository. It writes nothing when ref is there
	// already, or when the repository does not have all that the index refers
	// to.
	PushResolved(ctx context.Context, ref string) error
}

// mayCutOff reports whether an earlier image may stand for the package's build,
// when all that the build is made of is the same. It may not if the build is to
// be made each time (see decision 0018), or if it is told the package's own hash.
func mayCutOff(p *planner.Package, platform string) bool {
	if p.NoCache || p.Overrides[platform].NoCache || len(p.NoCacheStages) > 0 || p.Pull {
		return false
	}
	args := p.ArgsFor(platform)
	return !slices.ContainsFunc([]string{"PKG_HASH", "PKG_IMAGE"}, func(name string) bool {
		_, set := args[name]
		return !set && slices.Contains(p.DockerfileArgs, name)
	})
}

// resolvedHash is BuildSpec's, of a resolved package.
func resolvedHash(p *planner.Package, platform string) func(func(ImageUse) (string, error)) (string, error) {
	return func(image func(ImageUse) (string, error)) (string, error) {
		return p.ResolvedHash(platform, func(u planner.Use) (string, error) { return image(ImageUse(u)) })
	}
}

// obtain makes one attempt at a build, unless its resolved hash has been built
// before: then the image of that build becomes the node's.
func (w *worker) obtain(ctx context.Context, t *task) (Status, ocispec.Descriptor, error) {
	ref, hash, err := w.resolve(ctx, t)
	if err != nil {
		return "", ocispec.Descriptor{}, err
	}
	if hash == "" {
		return w.make(ctx, t)
	}
	res, err := w.earlier(ctx, t, ref, hash)
	switch {
	case ctx.Err() != nil:
		return "", ocispec.Descriptor{}, ctx.Err()
	case err != nil: // at worst it is built again
		w.feed.warn(t, fmt.Errorf("look for an earlier build of %s: %w", t.node(), err))
		fallthrough
	case res == nil:
		return w.make(ctx, t)
	}
	if err := w.keep(ctx, t, res); err != nil {
		return "", ocispec.Descriptor{}, err
	}
	w.recordResolved(ctx, t, res)
	w.recordInputs(t)
	return StatusUnchanged, res.Manifest, nil
}

// resolve returns the resolved hash of a build whose dependencies are there, and
// where it is recorded. The hash is "" if it has none.
func (w *worker) resolve(ctx context.Context, t *task) (ref, hash string, err error) {
	if _, ok := w.ports.Store.(NodeFinder); !ok || t.spec.ResolvedHash == nil || t.direct() {
		return "", "", nil
	}
	hash, err = t.spec.ResolvedHash(func(u ImageUse) (string, error) {
		desc, err := w.image(ctx, node{u.Package, u.Platform})
		return desc.Digest.String(), err
	})
	if err != nil || hash == "" {
		return "", "", err
	}
	return planner.ResolvedRef(t.pkg.Image, hash), hash, nil
}

// earlier finds what was built with a resolved hash, in the store or else in the
// registry, and has it in the store; nil is nothing.
func (w *worker) earlier(ctx context.Context, t *task, ref, hash string) (*BuildResult, error) {
	res, err := w.ports.Store.(NodeFinder).FindNode(ctx, ref, hash, t.step.Platform)
	if res != nil || err != nil || w.local || w.ports.Registry == nil {
		return res, err
	}
	image, err := w.ports.Registry.Lookup(ctx, ref)
	if err != nil || image == nil || image.Hash != hash || image.Manifests[t.step.Platform].Digest == "" {
		return nil, err
	}
	return w.ports.Registry.Pull(ctx, ref, t.step.Platform)
}

// recordResolved records what a node's resolved hash has made. Without the
// record it is built again at worst.
func (w *worker) recordResolved(ctx context.Context, t *task, res *BuildResult) {
	ref, hash, err := w.resolve(ctx, t)
	if err == nil && hash != "" {
		err = w.ports.Store.PutNode(context.WithoutCancel(ctx), NodeEntry{
			Ref: ref, Hash: hash, Platform: t.step.Platform, Platforms: []string{t.step.Platform}, BuildResult: *res,
		})
	}
	if err != nil {
		w.feed.warn(t, fmt.Errorf("record what %s was made of: %w", t.node(), err))
		return
	}
	if hash != "" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resolved[node{t.step.Package, t.step.Platform}] = hash
	}
}

// pushResolved tells the registry of the resolved hashes of the package's nodes
// that this run has made, once their images are there.
func (w *worker) pushResolved(ctx context.Context, t *task) {
	pusher, ok := w.ports.Registry.(ResolvedPusher)
	if !ok {
		return
	}
	for _, platform := range t.platforms {
		w.mu.Lock()
		hash := w.resolved[node{t.step.Package, platform}]
		w.mu.Unlock()
		if hash == "" {
			continue
		}
		if err := pusher.PushResolved(ctx, planner.ResolvedRef(t.pkg.Image, hash)); err != nil {
			w.feed.warn(t, err)
		}
	}
}
