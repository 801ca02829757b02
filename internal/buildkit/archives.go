package buildkit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imagearchive"
	"github.com/stowage-build/stowage/planner"
)

// archives are the files of images in a context, made when they are read. They
// are read twice: once to know their size and digest, which a tree must tell
// before it is sent.
func (c *Client) archives(ctx context.Context, req *executor.BuildRequest) ([]planner.File, map[string]generator, error) {
	if len(req.Archives) == 0 {
		return nil, nil, nil
	}
	var files []planner.File
	made := map[string]generator{}
	for _, a := range req.Archives {
		write := archiveWriter(ctx, c.store, a)
		size, hash := &counter{}, sha256.New()
		if err := write(io.MultiWriter(size, hash)); err != nil {
			return nil, nil, err
		}
		files = append(files, planner.File{
			Path: a.Path, Type: planner.FileRegular, Size: size.n, Digest: hex.EncodeToString(hash.Sum(nil)),
		})
		made[a.Path] = write
	}
	return files, made, nil
}

// generator writes the content of a file that is not on disk. It writes the
// same whenever it is called.
type generator func(w io.Writer) error

func archiveWriter(ctx context.Context, store content.InfoReaderProvider, a executor.Archive) generator {
	var images []imagearchive.Image
	for _, image := range a.Images {
		images = append(images, imagearchive.Image{Name: image.Name, Manifest: image.Descriptor})
	}
	return func(w io.Writer) error {
		if err := imagearchive.Write(ctx, w, store, imagearchive.Format(a.Format), images); err != nil {
			return fmt.Errorf("archive %s: %w", a.Path, err)
		}
		return nil
	}
}

// counter counts bytes.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// open starts to write the content. What goes wrong meanwhile is told to the
// tree, since the transfer of files does not pass it on.
func (write generator) open(t *tree) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		err := write(w)
		if err != nil && !errors.Is(err, io.ErrClosedPipe) { // else nobody reads on
			t.fail(err)
		}
		_ = w.CloseWithError(err)
	}()
	return r
}
