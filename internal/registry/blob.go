package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// open begins to fetch a blob. The caller closes it.
func (r *repository) open(ctx context.Context, client *http.Client, dgst digest.Digest) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url("blobs", dgst.String()).String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := send(client, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// hasBlob asks whether the repository has the blob.
func (r *repository) hasBlob(ctx context.Context, client *http.Client, dgst digest.Digest) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.url("blobs", dgst.String()).String(), nil)
	if err != nil {
		return false, err
	}
	resp, err := send(client, req, http.StatusOK)
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}

// upload sends the blob from the store, as POST and PUT. It begins anew when
// the connection breaks: what became of an upload that broke is not known.
func (r *repository) upload(ctx context.Context, from content.Provider, desc ocispec.Descriptor) error {
	client, err := r.pushing(ctx)
	if err != nil {
		return err
	}
	return r.retry.do(ctx, func() error {
		location, _, err := r.beginUpload(ctx, client, nil)
		if err != nil {
			return fmt.Errorf("begin to upload blob %s: %w", desc.Digest, err)
		}
		return r.finishUpload(ctx, client, location, from, desc)
	})
}

// mount makes the blob of a sibling repository of the same host the
// repository's too. When the registry will not, the blob is uploaded.
func (r *repository) mount(ctx context.Context, sibling name.Repository, from content.Provider, desc ocispec.Descriptor) error {
	client, err := r.session.client(ctx, r.name.Scope(transport.PushScope), sibling.Scope(transport.PullScope))
	if err == nil {
		query := url.Values{"mount": {desc.Digest.String()}, "from": {sibling.RepositoryStr()}}
		location, mounted, err := r.beginUpload(ctx, client, query)
		if err == nil && mounted {
			return nil
		}
		if err == nil && r.finishUpload(ctx, client, location, from, desc) == nil {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.upload(ctx, from, desc)
}

// beginUpload starts an upload and returns where to send the content, unless
// the blob that query asks for was mounted.
func (r *repository) beginUpload(ctx context.Context, client *http.Client, query url.Values) (location *url.URL, mounted bool, err error) {
	at := r.url("blobs", "uploads/")
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), nil)
	if err != nil {
		return nil, false, err
	}
	resp, err := send(client, req, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return nil, true, nil
	}
	location, err = resp.Location()
	if err != nil {
		return nil, false, fmt.Errorf("the registry does not say where to send the content: %w", err)
	}
	return location, false, nil
}

// finishUpload sends the whole content in one request.
func (r *repository) finishUpload(ctx context.Context, client *http.Client, location *url.URL, from content.Provider, desc ocispec.Descriptor) error {
	blob, err := from.ReaderAt(ctx, desc)
	if err != nil {
		return fmt.Errorf("read blob %s from the store: %w", desc.Digest, err)
	}
	defer blob.Close()
	query := location.Query()
	query.Set("digest", desc.Digest.String())
	at := *location
	at.RawQuery = query.Encode()
	body := func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(blob, 0, blob.Size())), nil
	}
	first, err := body()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(once(ctx), http.MethodPut, at.String(), first)
	if err != nil {
		return err
	}
	req.ContentLength, req.GetBody = blob.Size(), body
	req.Header.Set("Content-Type", "application/octet-stream")
	resp, err := send(client, req, http.StatusCreated)
	if err != nil {
		return fmt.Errorf("upload blob %s: %w", desc.Digest, err)
	}
	return resp.Body.Close()
}
