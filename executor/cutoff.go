package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/planner"
)

// NodeFinder is a Store that gives back whole nodes, and finds records. In another one no record of
// an earlier build is found.
type NodeFinder interface {
	// FindNode returns the image for platform that the store has under ref, made
	// of hash, with the attestations about it; nil when that is not all there.
	FindNode(ctx context.Context, ref, hash, platform string) (*BuildResult, error)
	// Records returns the records of resolved hashes, in a repository, that have
	// made an image: the entries under planner.ResolvedRef, sorted by reference.
	Records(ctx context.Context, repository string, image digest.Digest) ([]NodeEntry, error)
}

// ResolvedPusher is a Registry that keeps the records of resolved hashes.
type ResolvedPusher interface {
	// PushResolved writes an index of entry's image, which has been pushed to the
	// repository, and of what is about it, under entry's reference. It writes
	// nothing when the tag is there already, or when the repository does not
	// have all that the index refers to.
	PushResolved(ctx context.Context, entry NodeEntry) error
}

// mayCutOff reports whether an earlier image may stand for the package's build,
// when all that the build is made of is the same. It may not if the build is to
// be made each time (docs/decisions/0018-early-cutoff.md), or if it is told the package's own hash.
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
	entry, err := w.resolve(ctx, t)
	if err != nil {
		return "", ocispec.Descriptor{}, err
	}
	if entry == nil {
		return w.make(ctx, t)
	}
	res, err := w.earlier(ctx, t, entry)
	switch {
	case ctx.Err() != nil:
		return "", ocispec.Descriptor{}, ctx.Err()
	case err != nil: // at worst it is built again
		w.feed.warn(t, fmt.Errorf("look for an earlier build of %s: %w", t.node(), err))
		fallthrough
	case res == nil:
		return w.make(ctx, t)
	}
	if t.direct() {
		w.rememberDirect(t, res)
	} else if err := w.keep(ctx, t, res); err != nil {
		return "", ocispec.Descriptor{}, err
	}
	w.recordResolved(ctx, t, res)
	w.recordInputs(t)
	return StatusUnchanged, res.Manifest, nil
}

// resolve returns what a build whose dependencies are there is recorded as, its
// image left out: nil if the build has no resolved hash.
func (w *worker) resolve(ctx context.Context, t *task) (*NodeEntry, error) {
	if t.spec.ResolvedHash == nil {
		return nil, nil
	}
	hash, err := t.spec.ResolvedHash(func(use ImageUse) (string, error) {
		if t.direct() {
			image, err := w.remoteImage(use)
			return image.Descriptor.Digest.String(), err
		}
		desc, err := w.image(ctx, node{use.Package, use.Platform})
		return desc.Digest.String(), err
	})
	if err != nil || hash == "" {
		return nil, err
	}
	return &NodeEntry{
		Ref: planner.ResolvedRef(t.pkg.Image, hash), Hash: hash,
		Platform: t.step.Platform, Platforms: []string{t.step.Platform},
	}, nil
}

// earlier finds what was built with a resolved hash, in the store or else in the
// registry, and has it where the step's images are; nil is nothing.
func (w *worker) earlier(ctx context.Context, t *task, entry *NodeEntry) (*BuildResult, error) {
	if finder, ok := w.ports.Store.(NodeFinder); ok && !t.direct() {
		res, err := finder.FindNode(ctx, entry.Ref, entry.Hash, entry.Platform)
		if res != nil || err != nil {
			return res, err
		}
	}
	if w.local || w.ports.Registry == nil {
		return nil, nil
	}
	image, err := w.ports.Registry.Lookup(ctx, entry.Ref)
	if err != nil || image == nil || image.Hash != entry.Hash || image.Manifests[entry.Platform].Digest == "" {
		return nil, err
	}
	if t.direct() {
		index := ocispec.Descriptor{MediaType: image.MediaType, Digest: digest.Digest(image.Digest), Size: image.Size}
		return w.publisher().Pushed(ctx, t.pkg.Ref, entry.Platform, index, false)
	}
	return w.ports.Registry.Pull(ctx, entry.Ref, entry.Platform)
}

// recordResolved records what a node's resolved hash has made, in the store and
// for the time when the package is pushed. Without the record it is built again
// at worst.
func (w *worker) recordResolved(ctx context.Context, t *task, res *BuildResult) {
	entry, err := w.resolve(ctx, t)
	if err == nil && entry == nil {
		return
	}
	if err == nil {
		entry.BuildResult = *res
		w.mu.Lock()
		w.resolved[node{t.step.Package, t.step.Platform}] = *entry
		w.mu.Unlock()
		if !t.direct() {
			err = w.ports.Store.PutNode(context.WithoutCancel(ctx), *entry)
		}
	}
	if err != nil {
		w.feed.warn(t, fmt.Errorf("record what %s was made of: %w", t.node(), err))
	}
}

// pushResolved tells the registry what the package's nodes were made of, once
// their images are there. Without that they are built again elsewhere at worst.
func (w *worker) pushResolved(ctx context.Context, t *task) {
	pusher, ok := w.ports.Registry.(ResolvedPusher)
	if !ok {
		return
	}
	for _, platform := range t.platforms {
		records, err := w.records(ctx, t, platform)
		for _, record := range records {
			err = errors.Join(err, pusher.PushResolved(ctx, record))
		}
		if err != nil {
			w.feed.warn(t, fmt.Errorf("record in the registry what %s was made of: %w", planner.NodeID(t.step.Package, platform), err))
		}
	}
}

// records are those of this run or else, of a node that another run has built,
// the store's.
func (w *worker) records(ctx context.Context, t *task, platform string) ([]NodeEntry, error) {
	w.mu.Lock()
	entry, made := w.resolved[node{t.step.Package, platform}]
	w.mu.Unlock()
	if made {
		return []NodeEntry{entry}, nil
	}
	finder, ok := w.ports.Store.(NodeFinder)
	if !ok || t.direct() {
		return nil, nil
	}
	desc, found, err := w.stored(ctx, t.pkg, platform)
	if err != nil || !found {
		return nil, err
	}
	return finder.Records(ctx, t.pkg.Image, desc.Digest)
}
