package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fromDocker writes a manifest for each image of what docker save wrote,
// which has none, and returns them as entries of an index.json.
func (a *archive) fromDocker(items []dockerImage) ([]ocispec.Descriptor, error) {
	var entries []ocispec.Descriptor
	for _, item := range items {
		desc, err := a.dockerManifest(item)
		if err != nil {
			return nil, fmt.Errorf("image %s in the archive: %w", item.Config, err)
		}
		names := item.RepoTags
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			entry := desc
			entry.Annotations = map[string]string{containerName: name}
			entries = append(entries, entry)
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("the archive has no images")
	}
	return entries, nil
}

func (a *archive) dockerManifest(item dockerImage) (ocispec.Descriptor, error) {
	config, err := a.find(item.Config)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	diffIDs, err := a.diffIDs(config.desc)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if len(diffIDs) != len(item.Layers) {
		return ocispec.Descriptor{}, fmt.Errorf("there are %d layers, and %d in its configuration", len(item.Layers), len(diffIDs))
	}
	m := ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config.desc, Layers: []ocispec.Descriptor{},
	}
	m.Config.MediaType = ocispec.MediaTypeImageConfig
	for i, name := range item.Layers {
		layer, err := a.layer(name, diffIDs[i])
		if err != nil {
			return ocispec.Descriptor{}, fmt.Errorf("layer %s: %w", name, err)
		}
		m.Layers = append(m.Layers, layer)
	}
	data, err := json.Marshal(m)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc := ocispec.Descriptor{MediaType: m.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	err = content.WriteBlob(a.ctx, a.store.content, "manifest-"+desc.Digest.String(), bytes.NewReader(data), desc)
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return ocispec.Descriptor{}, err
	}
	return desc, nil
}

// maxLinks bounds a chain of links.
const maxLinks = 8

// find returns a file by its name or that of a link to it.
func (a *archive) find(name string) (archived, error) {
	at := cleanName(name)
	for range maxLinks {
		if file, ok := a.files[at]; ok {
			return file, nil
		}
		next, ok := a.links[at]
		if !ok {
			break
		}
		at = next
	}
	return archived{}, fmt.Errorf("the archive has no file %s: it was cut off or is damaged", name)
}

// diffIDs are the digests of the layers, uncompressed, in an image's
// configuration.
func (a *archive) diffIDs(desc ocispec.Descriptor) ([]digest.Digest, error) {
	if desc.Size > maxManifest {
		return nil, fmt.Errorf("its configuration has %d bytes", desc.Size)
	}
	data, err := a.store.readBlob(a.ctx, desc)
	if err != nil {
		return nil, err
	}
	var config ocispec.Image
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if config.OS == "" || config.Architecture == "" {
		return nil, errors.New("its configuration says not what platform it is for")
	}
	return config.RootFS.DiffIDs, nil
}

// layer returns a layer's descriptor. Its content must be what the image's
// configuration says.
func (a *archive) layer(name string, diffID digest.Digest) (ocispec.Descriptor, error) {
	file, err := a.find(name)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	desc, got := file.desc, file.desc.Digest
	switch file.how {
	case compression.Uncompressed:
		desc.MediaType = ocispec.MediaTypeImageLayer
	case compression.Gzip:
		desc.MediaType = ocispec.MediaTypeImageLayerGzip
	case compression.Zstd:
		desc.MediaType = ocispec.MediaTypeImageLayerZstd
	default:
		return ocispec.Descriptor{}, errors.New("it is compressed in another way than by gzip or zstd")
	}
	if file.how != compression.Uncompressed {
		if got, err = a.uncompressed(file.desc); err != nil {
			return ocispec.Descriptor{}, err
		}
	}
	if got != diffID {
		return ocispec.Descriptor{}, fmt.Errorf("its content is %s, and in the configuration %s: the archive is damaged", got, diffID)
	}
	return desc, nil
}

// uncompressed is the digest of what a blob is when it is not compressed.
func (a *archive) uncompressed(desc ocispec.Descriptor) (digest.Digest, error) {
	ra, err := a.store.content.reader(desc)
	if err != nil {
		return "", err
	}
	defer ra.Close()
	plain, err := compression.DecompressStream(&stoppable{a.ctx, io.NewSectionReader(ra, 0, ra.Size())})
	if err != nil {
		return "", err
	}
	defer plain.Close()
	return digest.SHA256.FromReader(plain)
}
