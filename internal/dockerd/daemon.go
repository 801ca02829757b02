package dockerd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imagearchive"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// openTimeout bounds the first answer of an engine.
const openTimeout = 20 * time.Second

// Options say which engine is meant and where images come from.
type Options struct {
	// Getenv looks up DOCKER_HOST and DOCKER_CONTEXT.
	Getenv func(name string) (string, bool)
	Store  content.InfoReaderProvider
}

// Daemon is a container engine. It is safe for concurrent use.
type Daemon struct {
	client *client.Client
	store  content.InfoReaderProvider
	host   string
	native ocispec.Platform
}

var _ executor.Loader = (*Daemon)(nil)

// Open finds the engine that the docker command would use and asks it what it
// is. One that cannot be reached is an error.
func Open(ctx context.Context, opts Options) (*Daemon, error) {
	at, err := findEndpoint(opts.Getenv)
	if err != nil {
		return nil, fmt.Errorf("find Docker: %w", err)
	}
	c, err := client.New(at.opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to Docker at %s (%s): %w", at.host, at.from, err)
	}
	d := &Daemon{client: c, store: opts.Store, host: at.host}
	waiting, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	version, err := c.ServerVersion(waiting, client.ServerVersionOptions{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to Docker at %s (%s): %w; set DOCKER_HOST, for Podman say to unix:///run/podman/podman.sock, or leave out --load", at.host, at.from, err), c.Close())
	}
	d.native = platforms.Normalize(ocispec.Platform{OS: version.Os, Architecture: version.Arch})
	return d, nil
}

// Close ends the connections.
func (d *Daemon) Close() error { return d.client.Close() }

// Load loads images: see executor.Loader.
func (d *Daemon) Load(ctx context.Context, ref string, images []ocispec.Descriptor) error {
	for _, image := range images {
		if image.Platform == nil {
			return fmt.Errorf("load %s: %s has no platform", ref, image.Digest)
		}
		tags := []string{ref + "-" + imageindex.ArchTag(*image.Platform)}
		if platforms.OnlyStrict(d.native).Match(*image.Platform) {
			tags = append(tags, ref)
		}
		if err := d.load(ctx, image, tags); err != nil {
			return fmt.Errorf("load %s into Docker at %s: %w", tags[0], d.host, err)
		}
	}
	return nil
}

// load sees that the tags are those of the image, which is sent if need be.
func (d *Daemon) load(ctx context.Context, image ocispec.Descriptor, tags []string) error {
	ids, err := d.ids(ctx, image)
	if err != nil {
		return err
	}
	source, err := d.find(ctx, ids)
	if err != nil {
		return err
	}
	if source == "" {
		if err := d.send(ctx, image, tags[0]); err != nil {
			return err
		}
		source = tags[0]
	}
	for _, tag := range tags {
		if err := d.tag(ctx, ids, source, tag); err != nil {
			return err
		}
	}
	return nil
}

// ids are what engines call the image: the digest of its configuration, and,
// Docker with containerd's image store, that of its manifest.
func (d *Daemon) ids(ctx context.Context, image ocispec.Descriptor) ([]string, error) {
	data, err := content.ReadBlob(ctx, d.store, image)
	if err != nil {
		return nil, fmt.Errorf("read the manifest from the store: %w", err)
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", image.Digest, err)
	}
	return []string{m.Config.Digest.String(), image.Digest.String()}, nil
}

// find returns the id that the engine has the image under, "" if it has not.
func (d *Daemon) find(ctx context.Context, ids []string) (string, error) {
	for _, id := range ids {
		switch _, err := d.client.ImageInspect(ctx, id); {
		case err == nil:
			return id, nil
		case !errdefs.IsNotFound(err):
			return "", fmt.Errorf("ask for image %s: %w", id, err)
		}
	}
	return "", nil
}

// tag makes the tag point at the image that source names, unless it does.
func (d *Daemon) tag(ctx context.Context, ids []string, source, tag string) error {
	there, err := d.client.ImageInspect(ctx, tag)
	switch {
	case errdefs.IsNotFound(err):
	case err != nil:
		return fmt.Errorf("ask for %s: %w", tag, err)
	case there.ID == ids[0], there.ID == ids[1]:
		return nil
	case source == tag: // as it was just sent, by an id that we do not know
		return nil
	}
	if _, err := d.client.ImageTag(ctx, client.ImageTagOptions{Source: familiar(source), Target: tag}); err != nil {
		return fmt.Errorf("tag %s: %w", tag, err)
	}
	return nil
}

// familiar is a reference as engines list it: without docker.io.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref // an id
	}
	return reference.FamiliarString(named)
}

// send streams the image to the engine.
func (d *Daemon) send(ctx context.Context, image ocispec.Descriptor, tag string) error {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := imagearchive.Write(ctx, w, d.store, imagearchive.Both, []imagearchive.Image{{Name: tag, Manifest: image}})
		if err != nil {
			err = fmt.Errorf("read %s from the store: %w", image.Digest, err)
		}
		_ = w.CloseWithError(err)
		written <- err
	}()
	err := d.receive(ctx, r)
	_ = r.CloseWithError(io.ErrClosedPipe) // the engine may have stopped reading
	if readErr := <-written; readErr != nil && !errors.Is(readErr, io.ErrClosedPipe) {
		return readErr
	}
	return err
}

// receive has the engine load an archive. It answers with a stream of messages,
// of which an error is one.
func (d *Daemon) receive(ctx context.Context, from io.Reader) error {
	answer, err := d.client.ImageLoad(ctx, from)
	if err != nil {
		return err
	}
	defer answer.Close()
	for messages := json.NewDecoder(answer); ; {
		var message struct {
			Error string `json:"error"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read its answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}
