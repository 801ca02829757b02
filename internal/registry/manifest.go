package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// maxManifest bounds what is read as a manifest or index, in bytes. The
// distribution specification has registries take 4 MiB at least.
const maxManifest = 32 << 20

// manifestTypes is what is asked for and understood.
var manifestTypes = strings.Join([]string{
	ocispec.MediaTypeImageIndex, imageindex.MediaTypeDockerList,
	ocispec.MediaTypeImageManifest, imageindex.MediaTypeDockerManifest,
}, ", ")

// repository makes the requests of the distribution specification for one
// repository. A 404 is an error that wraps errdefs.ErrNotFound; no other
// answer is.
type repository struct {
	name    name.Repository
	session *session
	retry   retryPolicy
	known   *known
}

// manifest is a manifest or index as the registry has it.
type manifest struct {
	ocispec.Descriptor
	bytes []byte
}

func (r *repository) pulling(ctx context.Context) (*http.Client, error) {
	return r.session.client(ctx, r.name.Scope(transport.PullScope))
}

func (r *repository) pushing(ctx context.Context) (*http.Client, error) {
	return r.session.client(ctx, r.name.Scope(transport.PushScope))
}

// url is where the repository has something.
func (r *repository) url(kind, id string) *url.URL {
	return &url.URL{
		Scheme: r.name.Scheme(),
		Host:   r.name.RegistryStr(),
		Path:   fmt.Sprintf("/v2/%s/%s/%s", r.name.RepositoryStr(), kind, id),
	}
}

// send makes one request and checks its answer. The caller closes the body.
func send(client *http.Client, req *http.Request, want ...int) (*http.Response, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, hideQuery(err)
	}
	if resp.StatusCode == http.StatusNotFound {
		defer resp.Body.Close()
		return nil, &notFound{transport.CheckError(resp, want...)}
	}
	if err := transport.CheckError(resp, want...); err != nil {
		defer resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// notFound is a 404.
type notFound struct{ err error }

func (e *notFound) Error() string        { return e.err.Error() }
func (e *notFound) Unwrap() error        { return e.err }
func (e *notFound) Is(target error) bool { return target == errdefs.ErrNotFound }

// get fetches the manifest or index with a tag or digest. client may pull.
func (r *repository) get(ctx context.Context, client *http.Client, id string) (*manifest, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url("manifests", id).String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", manifestTypes)
	resp, err := send(client, req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", id, err)
	}
	if len(data) > maxManifest {
		return nil, fmt.Errorf("manifest %s is larger than %d bytes", id, maxManifest)
	}
	m := &manifest{bytes: data, Descriptor: ocispec.Descriptor{
		MediaType: mediaType(resp), Digest: digest.FromBytes(data), Size: int64(len(data)),
	}}
	if want, err := digest.Parse(id); err == nil && want != m.Digest {
		return nil, fmt.Errorf("manifest %s: the registry sent %s", want, m.Digest)
	}
	return m, nil
}

// mediaType is the answer's content type without parameters.
func mediaType(resp *http.Response) string {
	value := resp.Header.Get("Content-Type")
	if mt, _, err := mime.ParseMediaType(value); err == nil {
		return mt
	}
	return value
}

// head returns the digest that a tag points at, or "" when there is no such
// tag, or when the registry does not say.
func (r *repository) head(ctx context.Context, client *http.Client, id string) (digest.Digest, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.url("manifests", id).String(), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", manifestTypes)
	resp, err := send(client, req, http.StatusOK)
	if errors.Is(err, errdefs.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	dgst, err := digest.Parse(resp.Header.Get("Docker-Content-Digest"))
	if err != nil {
		return "", nil
	}
	return dgst, nil
}

// put makes a tag or digest stand for the manifest.
func (r *repository) put(ctx context.Context, client *http.Client, id string, m *manifest) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, r.url("manifests", id).String(), bytes.NewReader(m.bytes))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", m.MediaType)
	resp, err := send(client, req, http.StatusOK, http.StatusCreated, http.StatusAccepted)
	if err != nil {
		return fmt.Errorf("write manifest %s: %w", id, err)
	}
	r.known.noteWritten(r.name, m.Digest)
	return resp.Body.Close()
}

// has reports whether there is a manifest or index with a tag or digest.
func (r *repository) has(ctx context.Context, client *http.Client, id string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, r.url("manifests", id).String(), nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", manifestTypes)
	resp, err := send(client, req, http.StatusOK)
	if errors.Is(err, errdefs.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, resp.Body.Close()
}
