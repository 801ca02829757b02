package stowage

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/planner"
)

// pullsAtOnce is how many images are pulled at once.
const pullsAtOnce = 4

// PullOptions say which locked images to pull.
type PullOptions struct {
	// References are the images, as for LockOptions. None is all that packages
	// use.
	References []string
	// AllPlatforms pulls all that an image has, not only what packages need.
	AllPlatforms bool
}

// PulledImage is a locked image that the store has.
type PulledImage struct {
	// Name is the image's in the lock file and in the store.
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Platforms are those that were asked for.
	Platforms []string `json:"platforms"`
	// Present says that the store had it all.
	Present bool `json:"present"`
}

// imageStore is a store that keeps images as others have made them.
type imageStore interface {
	PutImage(ctx context.Context, ref string, desc ocispec.Descriptor, platforms []string) error
}

// imageRegistry is a registry that pulls by digest, from mirrors if it has any.
type imageRegistry interface {
	PullImage(ctx context.Context, ref string, dgst digest.Digest, platforms []string) (ocispec.Descriptor, error)
}

// PullLocked copies what the lock file pins into the store, so that builds
// need no registry for it, and, unless References say which, the images of
// archives, which are pinned by themselves. What has been pulled stays when
// another image fails. The result is sorted by name, locked images first.
func (w *Workspace) PullLocked(ctx context.Context, opts PullOptions) ([]PulledImage, error) {
	if w.lock == nil {
		return nil, fmt.Errorf("the workspace has no %s: stowage lock writes one, which says what to pull", lockfile.Name)
	}
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	used := r.External()
	chosen, err := matchImages(opts.References, used)
	if err != nil {
		return nil, err
	}
	if len(opts.References) > 0 {
		used = slices.DeleteFunc(used, func(e planner.ExternalImage) bool { return !chosen[e.Name] })
	}
	p, err := w.imagePuller()
	if err != nil {
		return nil, err
	}
	pulled, faults := make([]PulledImage, len(used)), make([]error, len(used))
	var group errgroup.Group
	group.SetLimit(pullsAtOnce)
	for i, e := range used {
		image := w.lock.Images[e.Name]
		pulled[i] = PulledImage{Name: e.Name, Digest: image.Digest, Platforms: e.Platforms}
		if opts.AllPlatforms {
			pulled[i].Platforms = image.Platforms
		}
		group.Go(func() error {
			faults[i] = p.pull(ctx, &pulled[i], opts.AllPlatforms)
			return nil
		})
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(opts.References) == 0 {
		archived, err := fetcher{p}.all(ctx, r)
		pulled, faults = append(pulled, archived...), append(faults, err)
	}
	return pulled, errors.Join(faults...)
}

// puller copies images from registries into the store.
type puller struct {
	store Store
	from  imageRegistry
	to    imageStore
}

func (w *Workspace) imagePuller() (*puller, error) {
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	from, pulls := remote.(imageRegistry)
	to, keeps := store.(imageStore)
	if !pulls || !keeps {
		return nil, errors.New("pull images: the caller's own store or registry cannot keep images by digest")
	}
	return &puller{store: store, from: from, to: to}, nil
}

// pull copies one image, unless the store has it.
func (p *puller) pull(ctx context.Context, image *PulledImage, whole bool) error {
	have, err := p.store.Lookup(ctx, image.Name)
	if err != nil {
		return err
	}
	if image.Present = has(have, image); image.Present {
		return nil
	}
	platforms := image.Platforms
	if whole {
		platforms = nil
	}
	desc, err := p.from.PullImage(ctx, image.Name, digest.Digest(image.Digest), platforms)
	if err != nil {
		return err
	}
	return p.to.PutImage(ctx, image.Name, desc, platforms)
}

// has reports whether the store has what is wanted of an image.
func has(have *planner.Image, wanted *PulledImage) bool {
	if have == nil || have.Digest != wanted.Digest {
		return false
	}
	for _, p := range wanted.Platforms {
		if _, ok := have.Manifests[p]; !ok {
			return false
		}
	}
	return true
}
