package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Registry is an executor.Registry in memory: all registries that there are.
type Registry struct {
	*remote

	// Fail, when set, is asked before each operation ("lookup", "pull",
	// "push", "push-resolved", "tag", "attach") and may make it fail. Set it before the registry is used.
	Fail func(op, ref string) error

	store *Store
}

// remote is what machines share.
type remote struct {
	Blobs

	mu       sync.Mutex
	tags     map[string]digest.Digest
	log      []string
	attached attachments
}

var _ executor.Registry = (*Registry)(nil)

// NewRegistry returns an empty registry whose Pull writes into store and
// whose Push reads from it.
func NewRegistry(store *Store) *Registry {
	return &Registry{store: store, remote: &remote{tags: map[string]digest.Digest{}}}
}

// For returns the same registry as another machine, with another store, uses
// it.
func (r *Registry) For(store *Store) *Registry {
	return &Registry{store: store, remote: r.remote}
}

// Tags returns every reference (repository:tag) there is and what it points
// at.
func (r *Registry) Tags() map[string]digest.Digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.tags)
}

// Log returns the operations so far, as "push REF", in their order.
func (r *Registry) Log() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log)
}

// Clear empties the registry.
func (r *Registry) Clear() {
	for _, d := range r.Digests() {
		r.RemoveBlob(d)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.tags)
}

// begin records the operation and asks whether it may go on.
func (r *Registry) begin(op, ref string) error {
	r.mu.Lock()
	r.log = append(r.log, op+" "+ref)
	r.mu.Unlock()
	if r.Fail == nil {
		return nil
	}
	return r.Fail(op, ref)
}

// index returns what ref points at, or nil.
func (r *Registry) index(ctx context.Context, ref string) (*ocispec.Index, error) {
	r.mu.Lock()
	dgst, ok := r.tags[ref]
	r.mu.Unlock()
	if !ok {
		return nil, nil
	}
	data, err := r.ReadBlob(ctx, dgst)
	if err != nil {
		return nil, err
	}
	if idx, err := imageindex.Parse(data); err == nil {
		return idx, nil
	}
	return r.indexOfOne(ctx, ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: dgst, Size: int64(len(data)),
	})
}

// indexOfOne is what a tag says that points at an image manifest.
func (r *Registry) indexOfOne(ctx context.Context, desc ocispec.Descriptor) (*ocispec.Index, error) {
	blobs, err := r.children(ctx, desc)
	if err != nil {
		return nil, err
	}
	config, err := r.ReadBlob(ctx, blobs[0].Digest)
	if err != nil {
		return nil, err
	}
	var platform ocispec.Platform
	if err := json.Unmarshal(config, &platform); err != nil {
		return nil, fmt.Errorf("config %s: %w", blobs[0].Digest, err)
	}
	idx := imageindex.New()
	imageindex.Put(idx, platform, desc, nil)
	return idx, nil
}

// Lookup is planner.Catalog's.
func (r *Registry) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	if err := r.begin("lookup", ref); err != nil {
		return nil, err
	}
	idx, err := r.index(ctx, ref)
	if err != nil {
		return nil, err
	}
	image, err := describe(ctx, &r.Blobs, idx)
	if image != nil {
		image.Digest = r.Tags()[ref].String()
	}
	return image, err
}

// Pull is executor.Registry's.
func (r *Registry) Pull(ctx context.Context, ref, platform string) (*executor.BuildResult, error) {
	if err := r.begin("pull", ref); err != nil {
		return nil, err
	}
	wanted, err := imageindex.ParsePlatforms([]string{platform})
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", ref, err)
	}
	idx, err := r.index(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("pull %s: %w", ref, err)
	}
	if idx == nil {
		return nil, fmt.Errorf("pull %s: %w", ref, errdefs.ErrNotFound)
	}
	d, ok := imageindex.Find(idx, wanted[0])
	if !ok {
		return nil, fmt.Errorf("pull %s: no platform %s: %w", ref, platform, errdefs.ErrNotFound)
	}
	result := &executor.BuildResult{Manifest: d, Attestations: imageindex.Attestations(idx, d.Digest)}
	if err := copyImages(ctx, &r.store.Blobs, &r.Blobs, append(result.Attestations, d)); err != nil {
		return nil, fmt.Errorf("pull %s: %w", ref, err)
	}
	return result, nil
}

// copyImages copies the manifests and what they refer to, manifests last.
func copyImages(ctx context.Context, to, from *Blobs, manifests []ocispec.Descriptor) error {
	for _, m := range manifests {
		blobs, err := from.children(ctx, m)
		if err != nil {
			return err
		}
		for _, d := range append(blobs, m) {
			data, err := from.ReadBlob(ctx, d.Digest)
			if err != nil {
				return err
			}
			to.put(d.Digest, data)
		}
	}
	return nil
}

// Push is executor.Registry's.
func (r *Registry) Push(ctx context.Context, ref string, opts executor.PushOptions) (ocispec.Descriptor, error) {
	if err := r.begin("push", ref); err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, err := r.push(ctx, ref, opts)
	if err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("push %s: %w", ref, err)
	}
	return desc, nil
}

func (r *Registry) push(ctx context.Context, ref string, opts executor.PushOptions) (ocispec.Descriptor, error) {
	order, err := imageindex.ParsePlatforms(opts.Platforms)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	remote, err := r.index(ctx, ref)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	local := r.store.Index(ref)
	if local == nil && remote != nil && len(order) > 0 {
		local = imageindex.New()
	}
	if local == nil {
		return ocispec.Descriptor{}, fmt.Errorf("the store has no %s: %w", ref, errdefs.ErrNotFound)
	}
	merged, images, err := imageindex.Merge(remote, local, imageindex.Merging{
		Platforms: order, Overwrite: opts.Overwrite, HashKey: planner.AnnotationHash,
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if opts.NoIndex {
		images = imageindex.Images(local)
		images = slices.DeleteFunc(images, func(d ocispec.Descriptor) bool {
			return !slices.Contains(order, imageindex.FormatPlatform(d.Platform))
		})
	}
	for _, d := range images {
		if err := copyImages(ctx, &r.Blobs, &r.store.Blobs, append(imageindex.Attestations(local, d.Digest), d)); err != nil {
			return ocispec.Descriptor{}, err
		}
		r.point(ref+"-"+imageindex.ArchTag(*d.Platform), d.Digest)
	}
	if opts.NoIndex {
		return ocispec.Descriptor{}, nil
	}
	data, desc, err := imageindex.Marshal(merged)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	r.put(desc.Digest, data)
	r.point(ref, desc.Digest)
	return desc, nil
}

func (r *Registry) point(ref string, dgst digest.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tags[ref] = dgst
}

// Tag is executor.Registry's.
func (r *Registry) Tag(_ context.Context, ref, tag string) error {
	if err := r.begin("tag", ref+" "+tag); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	dgst, ok := r.tags[ref]
	if !ok {
		return fmt.Errorf("tag %s as %s: %w", ref, tag, errdefs.ErrNotFound)
	}
	repository := ref[:strings.LastIndex(ref, ":")]
	r.tags[repository+":"+tag] = dgst
	return nil
}

// PushResolved is executor.ResolvedPusher's.
func (r *Registry) PushResolved(ctx context.Context, entry executor.NodeEntry) error {
	if err := r.begin("push-resolved", entry.Ref); err != nil {
		return err
	}
	platform, err := imageindex.ParsePlatform(entry.Platform)
	if err != nil {
		return err
	}
	idx := imageindex.New()
	imageindex.Annotate(idx, map[string]string{planner.AnnotationHash: entry.Hash})
	imageindex.Put(idx, platform, entry.Manifest, entry.Attestations)
	if _, there := r.Tags()[entry.Ref]; there || !r.has(ctx, idx) {
		return nil
	}
	data, desc, err := imageindex.Marshal(idx)
	if err != nil {
		return err
	}
	r.put(desc.Digest, data)
	r.point(entry.Ref, desc.Digest)
	return nil
}

// has reports whether the manifests that idx names are there.
func (r *Registry) has(ctx context.Context, idx *ocispec.Index) bool {
	return !slices.ContainsFunc(idx.Manifests, func(d ocispec.Descriptor) bool {
		_, err := r.ReadBlob(ctx, d.Digest)
		return err != nil
	})
}
