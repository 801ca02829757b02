package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
)

// addPinned adds named contexts from elsewhere, each held to its pin by the
// daemon. Git repositories and files are inputs of our own making: the frontend
// would take a file without looking at its digest, and knows not all URLs.
func (s *solve) addPinned(c *Client, req *executor.BuildRequest) error {
	n := 0
	for name, p := range req.PinnedContexts {
		key, err := contextName(name)
		if err != nil {
			return err
		}
		n++
		input := fmt.Sprintf("pinned-%d", n)
		label := llb.WithCustomName("[context " + name + "] " + p.Location)
		switch p.Kind {
		case executor.ContextGit:
			state, ok, err := dockerui.DetectGitContext(p.Location+"#"+p.Pin, nil)
			if err != nil || !ok {
				return fmt.Errorf("context %s: %w", name, errors.Join(err, fmt.Errorf("%s is no git repository", p.Location)))
			}
			s.opt.FrontendInputs[input] = *state
		case executor.ContextFile:
			s.opt.FrontendInputs[input] = llb.HTTP(p.Location, llb.Filename("context"), llb.Checksum(digest.Digest(p.Pin)), label)
		case executor.ContextLayout:
			s.opt.OCIStores[input] = layoutStore{c.store, p.Location}
			s.opt.FrontendAttrs["context:"+key] = "oci-layout://" + input + "@" + p.Pin
			continue
		default:
			return fmt.Errorf("context %s is of unknown kind %q", name, p.Kind)
		}
		s.opt.FrontendAttrs["context:"+key] = "input:" + input
	}
	return nil
}

// layoutStore reads blobs of an OCI layout, in which nothing is written; a
// store's own way to open a directory makes another in it. What is read is
// checked against its digest by whoever asks.
type layoutStore struct {
	content.Store
	dir string
}

func (l layoutStore) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", err
	}
	return filepath.Join(l.dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded()), nil
}

// Info returns a blob's size.
func (l layoutStore) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	name, err := l.path(d)
	if err != nil {
		return content.Info{}, err
	}
	info, err := os.Stat(name)
	if errors.Is(err, os.ErrNotExist) {
		return content.Info{}, fmt.Errorf("the OCI layout %s has no blob %s: %w", l.dir, d, errdefs.ErrNotFound)
	}
	if err != nil {
		return content.Info{}, err
	}
	return content.Info{Digest: d, Size: info.Size(), CreatedAt: info.ModTime(), UpdatedAt: info.ModTime()}, nil
}

// ReaderAt opens a blob.
func (l layoutStore) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	info, err := l.Info(ctx, desc.Digest)
	if err != nil {
		return nil, err
	}
	name, err := l.path(desc.Digest)
	if err != nil {
		return nil, err
	}
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	return blobReader{f, info.Size}, nil
}

// blobReader is an open blob.
type blobReader struct {
	*os.File
	size int64
}

// Size is the blob's size in bytes.
func (b blobReader) Size() int64 { return b.size }
