package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

const (
	// blobsAtOnce is how many blobs of one image are copied at once. The
	// host's limit holds as well.
	blobsAtOnce = 4
	// mergeTries is how often a push starts over because somebody else has
	// pushed the same reference meanwhile.
	mergeTries = 30
	// mergePause is the longest wait before one starts over.
	mergePause = 200 * time.Millisecond
)

// Push uploads what the store has under ref: see executor.Registry. Each
// image manifest goes under its tag TAG-ARCH, attestations by their digests,
// and last the index under ref's tag. Everything is there before what refers
// to it.
//
// A platform that the registry's index has already, of the same inputs, stays
// as it is unless overwrite is set. When nothing is left to push that took one
// request.
func (r *Registry) Push(ctx context.Context, ref string, opts executor.PushOptions) (ocispec.Descriptor, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := r.push(ctx, tag, ref, opts)
	if err != nil {
		return ocispec.Descriptor{}, fail("push", tag, err)
	}
	return desc, nil
}

func (r *Registry) push(ctx context.Context, tag name.Tag, ref string, opts executor.PushOptions) (ocispec.Descriptor, error) {
	if r.store == nil {
		return ocispec.Descriptor{}, errNoStore
	}
	order, err := imageindex.ParsePlatforms(opts.Platforms)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	p := &pusher{
		repository: r.repository(tag.Repository), tag: tag.TagStr(), from: r.store.Content(),
		merging: imageindex.Merging{Platforms: order, Overwrite: opts.Overwrite, HashKey: planner.AnnotationHash},
		done:    map[digest.Digest]bool{},
	}
	if p.merging.Order, err = imageindex.ParsePlatforms(opts.All); err != nil {
		return ocispec.Descriptor{}, err
	}
	if !opts.Overwrite {
		p.all = p.merging.Order
	}
	p.origins, _ = r.store.(origins)
	p.local, err = r.store.Index(ctx, ref)
	if errdefs.IsNotFound(err) && len(order) > 0 {
		// The registry may have it all.
		p.local, err = imageindex.New(), nil
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if p.anew = opts.Anew; p.anew && !opts.NoIndex {
		if err := p.images(ctx, p.chosen(order)); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	if p.alone = opts.NoIndex; p.alone {
		return ocispec.Descriptor{}, p.images(ctx, p.chosen(order))
	}
	return p.run(ctx)
}

// chosen are the local images for the platforms.
func (p *pusher) chosen(platforms []string) []ocispec.Descriptor {
	var out []ocispec.Descriptor
	for _, d := range imageindex.Images(p.local) {
		if slices.Contains(platforms, imageindex.FormatPlatform(d.Platform)) {
			out = append(out, d)
		}
	}
	return out
}

// pusher is one Push.
type pusher struct {
	*repository
	tag string
	// from has the images; nil says that the repository has them already.
	from content.Provider
	// origins says where layers may be mounted from; nil when the store does
	// not know.
	origins origins
	local   *ocispec.Index
	merging imageindex.Merging
	// all are platforms that others may push at the same time, under the same
	// tag and of the same inputs.
	all []string
	// anew says that what the registry seems to have is not to be relied on.
	anew bool
	// fresh says that the tag was not there when it was looked up for the plan.
	fresh bool
	// alone says that no index will tell what is about the images.
	alone bool
	// done are the images that were pushed.
	done map[digest.Digest]bool
}

// run reads the registry's index, pushes the images that it lacks, and writes
// the merged one. Since others may push the same reference, the registry's
// index is read again before it is replaced. Between the two somebody else's
// may still be lost: registries cannot compare and swap. But everybody pushes
// images under their own tags before the index, so whoever writes the index
// last, looking afterwards for tags of platforms that it lacks, finds them.
func (p *pusher) run(ctx context.Context) (ocispec.Descriptor, error) {
	remote, err := remoteIndex{}, error(nil)
	if p.fresh = p.known.takeAbsent(p.name, p.tag); !p.fresh {
		remote, err = p.remote(ctx)
	}
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	for range mergeTries {
		merged, images, err := imageindex.Merge(remote.index, p.local, p.merging)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		if merged == remote.index {
			return remote.manifest.Descriptor, nil
		}
		data, desc, err := imageindex.Marshal(merged)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		if remote.digest() == desc.Digest {
			return desc, nil
		}
		if err := p.images(ctx, images); err != nil {
			return ocispec.Descriptor{}, err
		}
		now, err := p.remote(ctx)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		if now.digest() == remote.digest() {
			if err := p.putIndex(ctx, &manifest{Descriptor: desc, bytes: data}); err != nil {
				return ocispec.Descriptor{}, err
			}
			more, err := p.adopt(ctx, merged)
			if err != nil || !more {
				return desc, err
			}
			if now, err = p.remote(ctx); err != nil {
				return ocispec.Descriptor{}, err
			}
		}
		remote = now
		// Those who have met here are not to meet again.
		if err := sleep(ctx, rand.N(mergePause)); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	return ocispec.Descriptor{}, fmt.Errorf("others changed the index %d times while it was being pushed", mergeTries)
}

// remoteIndex is what the registry has under the tag; both fields are nil when
// it has nothing.
type remoteIndex struct {
	manifest *manifest
	index    *ocispec.Index
}

func (r remoteIndex) digest() digest.Digest {
	if r.manifest == nil {
		return ""
	}
	return r.manifest.Digest
}

func (p *pusher) remote(ctx context.Context) (remoteIndex, error) {
	client, err := p.pushing(ctx)
	if err != nil {
		return remoteIndex{}, err
	}
	m, idx, err := p.index(ctx, client, p.tag)
	if errors.Is(err, errdefs.ErrNotFound) {
		return remoteIndex{}, nil
	}
	return remoteIndex{m, idx}, err
}

func (p *pusher) putIndex(ctx context.Context, m *manifest) error {
	client, err := p.pushing(ctx)
	if err != nil {
		return err
	}
	return p.put(ctx, client, p.tag, m)
}

// images pushes images under their own tags, and what is about them.
func (p *pusher) images(ctx context.Context, images []ocispec.Descriptor) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, d := range images {
		if p.done[d.Digest] {
			continue
		}
		g.Go(func() error { return p.image(gctx, d) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, d := range images {
		p.done[d.Digest] = true
	}
	return nil
}

func (p *pusher) image(ctx context.Context, d ocispec.Descriptor) error {
	tag := p.tag + "-" + imageindex.ArchTag(*d.Platform)
	client, err := p.pushing(ctx)
	if err != nil {
		return err
	}
	if about := imageindex.Attestations(p.local, d.Digest); p.alone && len(about) > 0 {
		return p.imageWith(ctx, tag, d, about)
	}
	var there digest.Digest
	if !p.fresh {
		there, err = p.head(ctx, client, tag)
	}
	if err != nil {
		return err
	}
	if there != d.Digest || p.anew {
		if err := p.manifest(ctx, tag, d); err != nil {
			return err
		}
	}
	for _, about := range imageindex.Attestations(p.local, d.Digest) {
		if err := p.manifest(ctx, about.Digest.String(), about); err != nil {
			return err
		}
	}
	return nil
}

// manifest pushes the blobs of a manifest, then the manifest under id. When
// the registry says that a blob is missing after all, what is known of them, or
// what it said itself, was wrong, and they are sent again.
func (p *pusher) manifest(ctx context.Context, id string, d ocispec.Descriptor) error {
	if p.from == nil {
		return p.point(ctx, id, d)
	}
	data, err := content.ReadBlob(ctx, p.from, d)
	if err != nil {
		return fmt.Errorf("read manifest %s from the store: %w", d.Digest, err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("parse manifest %s: %w", d.Digest, err)
	}
	blobs := append([]ocispec.Descriptor{m.Config}, m.Layers...)
	put := func() error {
		client, err := p.pushing(ctx)
		if err != nil {
			return err
		}
		return p.put(ctx, client, id, &manifest{Descriptor: d, bytes: data})
	}
	if err := p.blobs(ctx, blobs); err != nil {
		return err
	}
	err = put()
	if !blobUnknown(err) {
		return err
	}
	if err := p.sendAgain(ctx, blobs); err != nil {
		return err
	}
	return put()
}

// sendAgain uploads blobs that the registry has claimed to have.
func (p *pusher) sendAgain(ctx context.Context, blobs []ocispec.Descriptor) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(blobsAtOnce)
	for _, d := range blobs {
		g.Go(func() error {
			known := p.known.blob(p.name, d.Digest)
			known.forget(p.name)
			return known.ensure(ctx, p.name, func(*name.Repository) error { return p.upload(ctx, p.from, d) })
		})
	}
	return g.Wait()
}

// blobUnknown reports whether a manifest was refused for want of a blob.
func blobUnknown(err error) bool {
	answer, ok := errors.AsType[*transport.Error](err)
	return ok && slices.ContainsFunc(answer.Errors, func(d transport.Diagnostic) bool {
		return d.Code == transport.ManifestBlobUnknownErrorCode || d.Code == transport.BlobUnknownErrorCode
	})
}

func (p *pusher) blobs(ctx context.Context, blobs []ocispec.Descriptor) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(blobsAtOnce)
	for _, d := range blobs {
		g.Go(func() error {
			return p.known.blob(p.name, d.Digest).ensure(ctx, p.name, func(sibling *name.Repository) error {
				return p.send(ctx, sibling, d, len(blobs)-1)
			})
		})
	}
	return g.Wait()
}

// smallBlob is what is sent without asking whether the repository has it, in
// bytes: it takes no longer than the question.
const smallBlob = 64 << 10

// send makes the repository have the blob, of an image with so many layers, in
// the cheapest way that is known.
func (p *pusher) send(ctx context.Context, sibling *name.Repository, d ocispec.Descriptor, layers int) error {
	if sibling != nil {
		return p.mount(ctx, *sibling, p.from, d)
	}
	if d.Size > smallBlob {
		client, err := p.pushing(ctx)
		if err != nil {
			return err
		}
		there, err := p.hasBlob(ctx, client, d.Digest)
		if err != nil || there {
			return err
		}
		if origin := p.origin(ctx, d.Digest, layers); origin != nil {
			return p.mount(ctx, *origin, p.from, d)
		}
	}
	return p.upload(ctx, p.from, d)
}
