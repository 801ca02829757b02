package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// checkRegistry reads every image in the registry with another client.
func (s *soak) checkRegistry() {
	reg, err := name.NewRegistry(s.registry.Host)
	if err != nil {
		s.t.Fatal(err)
	}
	repositories, err := remote.Catalog(s.t.Context(), reg, s.registry.Remote()...)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, repository := range repositories {
		repo := reg.Repo(strings.Split(repository, "/")...)
		tags, err := remote.List(repo, s.registry.Remote()...)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, tag := range tags {
			if err := s.checkTag(repo.Tag(tag)); err != nil {
				s.t.Errorf("%s is not complete: %v", repo.Tag(tag), err)
			}
		}
	}
	for _, ref := range s.refs() {
		if !s.checked[ref] {
			s.t.Errorf("%s is not in the registry", ref)
		}
	}
}

// refs are what the packages are called now.
func (s *soak) refs() []string {
	s.t.Helper()
	var out []string
	for line := range strings.Lines(s.stowage("list")) {
		_, ref, _ := strings.Cut(strings.TrimSpace(line), "\t")
		out = append(out, ref)
	}
	return out
}

// elsewhere is how many packages skopeo is to copy after a round.
const elsewhere = 3

// checkElsewhere has skopeo, which shares nothing with Stowage, copy some
// packages. It checks digests itself.
func (s *soak) checkElsewhere() {
	s.t.Helper()
	refs := s.refs()
	for _, i := range s.random.Perm(len(refs))[:elsewhere] {
		dir := filepath.Join(s.t.TempDir(), "image")
		out, err := exec.Command("skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false", "docker://"+refs[i], "dir:"+dir).CombinedOutput()
		if err != nil {
			s.t.Errorf("skopeo does not get %s: %v\n%s", refs[i], err, out)
		}
		if err := os.RemoveAll(dir); err != nil {
			s.t.Fatal(err)
		}
	}
}

// checkTag reads all that a tag leads to, once: tags do not move here.
func (s *soak) checkTag(tag name.Tag) error {
	if s.checked[tag.Name()] {
		return nil
	}
	desc, err := remote.Get(tag, s.registry.Remote()...)
	if err != nil {
		return err
	}
	if desc.MediaType.IsIndex() {
		err = s.checkIndex(tag.Repository, desc)
	} else {
		var image v1.Image
		if image, err = desc.Image(); err == nil {
			err = s.checkImage(tag.Repository.Digest(desc.Digest.String()), image)
		}
	}
	s.checked[tag.Name()] = err == nil
	return err
}

// checkIndex reads what an index names, each by its digest.
func (s *soak) checkIndex(repo name.Repository, desc *remote.Descriptor) error {
	index, err := desc.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range manifest.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			return err
		}
		if err := s.checkImage(repo.Digest(d.Digest.String()), image); err != nil {
			return err
		}
	}
	return nil
}

// checkImage checks manifest and configuration, that the image's repository has
// its layers, and the content of those that no image before had.
func (s *soak) checkImage(ref name.Digest, image v1.Image) error {
	if s.checked[ref.Name()] {
		return nil
	}
	if err := validate.Image(image, validate.Fast); err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		if s.checked[digest.String()] {
			continue
		}
		if err := checkLayer(layer); err != nil {
			return err
		}
		s.checked[digest.String()] = true
	}
	s.checked[ref.Name()] = true
	return nil
}

// checkLayer reads a layer; what it is not the digest of is an error.
func checkLayer(layer v1.Layer) error {
	kind, err := layer.MediaType()
	if err != nil {
		return err
	}
	if kind.IsLayer() {
		return validate.Layer(layer)
	}
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, content)
	return errors.Join(err, content.Close())
}
