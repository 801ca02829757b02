package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// errNoStore is the error of a Registry that was made for lookups only.
var errNoStore = errors.New("no store was given")

// Pull copies one platform's image, and the attestations about it, into the
// store's content: see executor.Registry. Blobs that the store has are not
// fetched. What is missing is an error that wraps errdefs.ErrNotFound.
func (r *Registry) Pull(ctx context.Context, ref, platform string) (*executor.BuildResult, error) {
	tag, err := r.parse(ref)
	if err != nil {
		return nil, err
	}
	result, err := r.pull(ctx, tag, platform)
	if err != nil {
		return nil, fail("pull", tag, err)
	}
	return result, nil
}

func (r *Registry) pull(ctx context.Context, tag name.Tag, platform string) (*executor.BuildResult, error) {
	if r.store == nil {
		return nil, errNoStore
	}
	wanted, err := imageindex.ParsePlatform(platform)
	if err != nil {
		return nil, err
	}
	repo := r.repository(tag.Repository)
	client, err := repo.pulling(ctx)
	if err != nil {
		return nil, err
	}
	_, idx, err := repo.index(ctx, client, tag.TagStr())
	if err != nil {
		return nil, err
	}
	image, ok := imageindex.Find(idx, imageindex.FormatPlatform(&wanted))
	if !ok {
		return nil, fmt.Errorf("the registry has no image for platform %s: %w", platform, errdefs.ErrNotFound)
	}
	result := &executor.BuildResult{Manifest: image, Attestations: imageindex.Attestations(idx, image.Digest)}
	p := &puller{origin: repo, mirrors: r.mirrors(tag.Repository), to: r.store.Content()}
	for _, d := range append([]ocispec.Descriptor{image}, result.Attestations...) {
		if err := p.image(ctx, d); err != nil {
			return nil, err
		}
	}
	return result, nil
}

// mirrors returns the repository as its mirrors have it. New has seen to it
// that their names are good.
func (r *Registry) mirrors(repo name.Repository) []*repository {
	var all []*repository
	for _, mirror := range r.hosts[repo.RegistryStr()].Mirrors {
		host, path, _ := strings.Cut(mirror, "/")
		var opts []name.Option
		if r.hosts[canonicalHost(host)].Insecure {
			opts = append(opts, name.Insecure)
		}
		if registry, err := name.NewRegistry(host, opts...); err == nil {
			all = append(all, r.repository(registry.Repo(path, repo.RepositoryStr())))
		}
	}
	return all
}

// puller copies from a repository, or its mirrors, into a store.
type puller struct {
	origin  *repository
	mirrors []*repository
	to      content.Store
}

// image copies a manifest and what it refers to. The manifest comes last, so
// that it stands for all of it.
func (p *puller) image(ctx context.Context, desc ocispec.Descriptor) error {
	data, err := p.manifest(ctx, desc)
	if err != nil {
		return err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("parse manifest %s: %w", desc.Digest, err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(blobsAtOnce)
	for _, d := range append([]ocispec.Descriptor{m.Config}, m.Layers...) {
		g.Go(func() error { return p.blob(gctx, d) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return p.write(ctx, desc, data)
}

// manifest reads the manifest from the store, or fetches it.
func (p *puller) manifest(ctx context.Context, desc ocispec.Descriptor) ([]byte, error) {
	if data, err := content.ReadBlob(ctx, p.to, desc); err == nil && desc.Digest.Algorithm().FromBytes(data) == desc.Digest {
		return data, nil
	}
	var data []byte
	err := p.eachSource(ctx, func(repo *repository, client *http.Client) error {
		m, err := repo.get(ctx, client, desc.Digest.String())
		if err != nil {
			return err
		}
		data = m.bytes
		return nil
	})
	return data, err
}

// eachSource tries the mirrors, then the origin, whose error counts.
func (p *puller) eachSource(ctx context.Context, try func(*repository, *http.Client) error) error {
	var err error
	for _, repo := range append(slices.Clone(p.mirrors), p.origin) {
		var client *http.Client
		if client, err = repo.pulling(ctx); err == nil {
			err = try(repo, client)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (p *puller) write(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return p.copy(ctx, desc, func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	})
}

// blob copies one blob, beginning anew when the connection breaks.
func (p *puller) blob(ctx context.Context, desc ocispec.Descriptor) error {
	err := p.eachSource(ctx, func(repo *repository, client *http.Client) error {
		return repo.retry.do(ctx, func() error {
			return p.copy(ctx, desc, func() (io.ReadCloser, error) { return repo.open(ctx, client, desc.Digest) })
		})
	})
	if errors.Is(err, errdefs.ErrNotFound) {
		return fmt.Errorf("fetch blob %s: %w: %w", desc.Digest, errLostBlob, err)
	}
	if err != nil {
		return fmt.Errorf("fetch blob %s: %w", desc.Digest, err)
	}
	return nil
}

// copy writes a blob that the store does not have, verified.
func (p *puller) copy(ctx context.Context, desc ocispec.Descriptor, open func() (io.ReadCloser, error)) error {
	w, err := p.to.Writer(ctx, content.WithRef("pull-"+desc.Digest.String()), content.WithDescriptor(desc))
	if errdefs.IsAlreadyExists(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Truncate(0); err != nil {
		return err
	}
	body, err := open()
	if err != nil {
		return err
	}
	defer body.Close()
	n, err := io.Copy(w, io.LimitReader(body, desc.Size+1))
	if err == nil && n < desc.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		// Nothing is kept of it: the next try begins anew.
		return errors.Join(err, w.Truncate(0))
	}
	err = w.Commit(ctx, desc.Size, desc.Digest)
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return err
	}
	return nil
}
