package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/rogpeppe/go-internal/testscript"
)

// check reads everything that the registry's tags point at, with
// a client that is not Stowage's, and checks its digests; there must be so many
// tags outside of the repository busybox: checkcomplete HOST [TAGS]
//
// The layers of an image are read and hashed once; later it is asked whether
// they are there.
func (c *completeness) check(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: checkcomplete host [tags]")
	}
	reg, err := name.NewRegistry(args[0])
	ts.Check(err)
	repos, err := remote.Catalog(context.Background(), reg)
	ts.Check(err)
	count := 0
	for _, repo := range repos {
		tags, err := remote.List(reg.Repo(repo))
		ts.Check(err)
		for _, tag := range tags {
			if repo != "busybox" {
				count++
			}
			if err := c.complete(reg.Repo(repo).Tag(tag)); err != nil {
				ts.Fatalf("%s:%s is not complete: %v", repo, tag, err)
			}
		}
	}
	if len(args) == 2 && fmt.Sprint(count) != args[1] {
		ts.Fatalf("there are %d tags, want %s", count, args[1])
	}
}

// completeness has read images, by registry and digest.
type completeness struct{ read sync.Map }

// image checks an image.
func (c *completeness) image(ref name.Reference, image v1.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	var opts []validate.Option
	key := ref.Context().RegistryStr() + "@" + digest.String()
	if _, ok := c.read.Load(key); ok {
		opts = append(opts, validate.Fast)
	}
	if err := validate.Image(image, opts...); err != nil {
		return err
	}
	c.read.Store(key, true)
	return nil
}

// complete reads all of an image or index.
func (c *completeness) complete(ref name.Reference) error {
	desc, err := remote.Get(ref)
	if err != nil {
		return err
	}
	if desc.MediaType.IsImage() {
		image, err := desc.Image()
		if err != nil {
			return err
		}
		return c.image(ref, image)
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, m := range manifest.Manifests {
		if err := c.completeEntry(ref, index, m); err != nil {
			return fmt.Errorf("%s: %w", m.Digest, err)
		}
	}
	return nil
}

func (c *completeness) completeEntry(ref name.Reference, index v1.ImageIndex, m v1.Descriptor) error {
	if m.Annotations["vnd.docker.reference.type"] != "" {
		_, err := remote.Get(ref.Context().Digest(m.Digest.String()))
		return err
	}
	image, err := index.Image(m.Digest)
	if err != nil {
		return err
	}
	return c.image(ref, image)
}
