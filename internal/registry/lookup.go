package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// maxConfig bounds what is read as an image config, in bytes.
const maxConfig = 8 << 20

// Lookup returns what the registry has under ref: see planner.Catalog. It is
// one GET of the index; a single image manifest costs another, of its config,
// which has the platform. A 404 is nothing; any other failure is an error.
func (r *Registry) Lookup(ctx context.Context, ref string) (*planner.Image, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	image, err := r.repository(tag.Repository).lookup(ctx, tag.TagStr())
	if err != nil {
		return nil, fail("look up", tag, err)
	}
	return image, nil
}

// Resolve is Lookup for images that others make: their registry's mirrors are
// asked first. A mirror that fails, or does not have the image, is passed
// over; what the registry itself answers counts.
func (r *Registry) Resolve(ctx context.Context, ref string) (*planner.Image, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	for _, mirror := range r.mirrors(tag.Repository) {
		image, err := mirror.lookup(ctx, tag.TagStr())
		if err == nil && image != nil {
			return image, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fail("look up", tag, err)
		}
	}
	return r.Lookup(ctx, ref)
}

// lookup describes what a tag points at, nil when there is none.
func (r *repository) lookup(ctx context.Context, tag string) (*planner.Image, error) {
	client, err := r.pulling(ctx)
	if err != nil {
		return nil, err
	}
	m, idx, err := r.index(ctx, client, tag)
	if errors.Is(err, errdefs.ErrNotFound) {
		r.known.noteAbsent(r.name, tag)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	image := &planner.Image{
		Digest:    m.Digest.String(),
		MediaType: m.MediaType,
		Size:      m.Size,
		Hash:      idx.Annotations[planner.AnnotationHash],
		Manifests: map[string]ocispec.Descriptor{},
	}
	for _, d := range imageindex.Images(idx) {
		image.Manifests[imageindex.FormatPlatform(d.Platform)] = d
	}
	return image, nil
}

// index fetches what a tag points at. A single image manifest becomes an index
// of one, with the manifest's annotations.
func (r *repository) index(ctx context.Context, client *http.Client, tag string) (*manifest, *ocispec.Index, error) {
	m, err := r.get(ctx, client, tag)
	if err != nil {
		return nil, nil, err
	}
	idx, err := r.indexOf(ctx, client, m)
	return m, idx, err
}

// indexOf reads an index, and makes one of a single image manifest.
func (r *repository) indexOf(ctx context.Context, client *http.Client, m *manifest) (*ocispec.Index, error) {
	if imageindex.IsManifest(m.MediaType) {
		return r.indexOfOne(ctx, client, m)
	}
	idx, err := imageindex.Parse(m.bytes)
	if err != nil {
		return nil, fmt.Errorf("media type %s: %w", m.MediaType, err)
	}
	return idx, nil
}

func (r *repository) indexOfOne(ctx context.Context, client *http.Client, m *manifest) (*ocispec.Index, error) {
	var image ocispec.Manifest
	if err := json.Unmarshal(m.bytes, &image); err != nil {
		return nil, fmt.Errorf("parse manifest %s: %w", m.Digest, err)
	}
	config, err := r.readBlob(ctx, client, image.Config)
	if errors.Is(err, errdefs.ErrNotFound) {
		// This is damage: the image is there, and is not "missing".
		return nil, fmt.Errorf("manifest %s has no config: %s", m.Digest, err.Error())
	}
	if err != nil {
		return nil, fmt.Errorf("read the config of manifest %s: %w", m.Digest, err)
	}
	var platform ocispec.Platform
	if err := json.Unmarshal(config, &platform); err != nil {
		return nil, fmt.Errorf("parse config %s: %w", image.Config.Digest, err)
	}
	idx := imageindex.New()
	imageindex.Annotate(idx, image.Annotations)
	imageindex.Put(idx, platform, m.Descriptor, nil)
	return idx, nil
}

// readBlob fetches a small blob and verifies it.
func (r *repository) readBlob(ctx context.Context, client *http.Client, desc ocispec.Descriptor) ([]byte, error) {
	body, err := r.open(ctx, client, desc.Digest)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxConfig+1))
	if err != nil {
		return nil, err
	}
	if got := digest.FromBytes(data); got != desc.Digest {
		return nil, fmt.Errorf("blob %s: the registry sent %s", desc.Digest, got)
	}
	return data, nil
}
