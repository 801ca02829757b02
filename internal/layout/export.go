package layout

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// ExportOptions say what an archive is to be.
type ExportOptions struct {
	// Format is FormatOCI or FormatDocker.
	Format string
	// Platforms are those to export; none is all that the store has, or with
	// FormatDocker the only one or this machine's.
	Platforms []string
}

// ArchivedImage is an image that was written to an archive or read from one.
type ArchivedImage struct {
	Ref string `json:"ref"`
	// Digest is that of the index, or of the only manifest.
	Digest digest.Digest `json:"digest"`
	// Platforms that are in the archive, normalised, in the index's order.
	Platforms []string `json:"platforms"`
}

// Export writes the images that the patterns match (see Match) to w, in the
// order of references. The same images give the same bytes. What is written is
// checked against its digests; after an error w has a part of an archive.
//
// Artifacts about images, such as what they were built from, are left out.
func (s *Store) Export(ctx context.Context, w io.Writer, patterns []string, opts ExportOptions) ([]ArchivedImage, error) {
	images, err := s.export(ctx, w, patterns, opts)
	if err != nil {
		return nil, fmt.Errorf("export from the store: %w", err)
	}
	return images, nil
}

func (s *Store) export(ctx context.Context, w io.Writer, patterns []string, opts ExportOptions) ([]ArchivedImage, error) {
	wanted, err := imageindex.ParsePlatforms(opts.Platforms)
	if err != nil {
		return nil, err
	}
	refs, err := s.Match(ctx, patterns)
	if err != nil {
		return nil, err
	}
	e := &exporter{store: s, ctx: ctx, tar: tar.NewWriter(w), written: map[digest.Digest]bool{}}
	write := e.ociArchive
	switch opts.Format {
	case FormatOCI:
	case FormatDocker:
		write = e.dockerArchive
	default:
		return nil, fmt.Errorf("there is no format %q: use %s or %s", opts.Format, FormatOCI, FormatDocker)
	}
	var images []*exported
	for _, ref := range refs {
		image, err := s.exported(ctx, ref, wanted, opts.Format == FormatDocker)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ref, err)
		}
		images = append(images, image)
	}
	if err := write(images); err != nil {
		return nil, err
	}
	if err := e.tar.Close(); err != nil {
		return nil, err
	}
	var out []ArchivedImage
	for _, image := range images {
		out = append(out, ArchivedImage{Ref: image.ref, Digest: image.desc.Digest, Platforms: imageindex.Platforms(image.index)})
	}
	return out, nil
}

// exported is an image to write to an archive.
type exported struct {
	ref   string
	desc  ocispec.Descriptor
	index *ocispec.Index // of what is wanted
	part  bool           // the index has more
}

// exported finds an image, and sees that it is all there.
func (s *Store) exported(ctx context.Context, ref string, wanted []string, one bool) (*exported, error) {
	desc, err := s.Resolve(ctx, ref)
	if err != nil {
		return nil, err
	}
	idx, err := s.readIndex(ctx, desc)
	if err != nil {
		return nil, toRepair(err)
	}
	if one {
		if wanted, err = onePlatform(idx, wanted); err != nil {
			return nil, err
		}
	}
	have := imageindex.Platforms(idx)
	for _, p := range wanted {
		if !slices.Contains(have, p) {
			return nil, fmt.Errorf("the store has it for %s, not for %s", strings.Join(have, ", "), p)
		}
	}
	image := &exported{ref: ref, desc: desc, index: idx, part: len(heldPlatforms(desc)) > 0}
	if len(wanted) > 0 {
		all := len(idx.Manifests)
		keep(idx, wanted)
		image.part = image.part || len(idx.Manifests) < all
	}
	if err := s.complete(ctx, idx.Manifests); err != nil {
		return nil, toRepair(err)
	}
	return image, nil
}

// onePlatform chooses the only platform that a format may have.
func onePlatform(idx *ocispec.Index, wanted []string) ([]string, error) {
	have := imageindex.Platforms(idx)
	host := platforms.Format(platforms.Normalize(platforms.DefaultSpec()))
	switch {
	case len(wanted) == 1:
		return wanted, nil
	case len(wanted) > 1:
		return nil, fmt.Errorf("%s has one platform of an image: name one", FormatDocker)
	case len(have) == 1:
		return have, nil
	case slices.Contains(have, host):
		return []string{host}, nil
	}
	return nil, fmt.Errorf("%s has one platform of an image: choose with --platform among %s", FormatDocker, strings.Join(have, ", "))
}

// toRepair adds to an error about damage what to do.
func toRepair(err error) error {
	if damaged(err) {
		return fmt.Errorf("damaged, stowage apply builds it again, apply --pull gets it from a registry: %w", err)
	}
	return err
}

// exporter writes one archive.
type exporter struct {
	store   *Store
	ctx     context.Context
	tar     *tar.Writer
	written map[digest.Digest]bool
}

// ociArchive writes the descriptions first, so that a reader knows early what
// is to come.
func (e *exporter) ociArchive(images []*exported) error {
	top := imageindex.New()
	for _, image := range images {
		top.Manifests = append(top.Manifests, image.entry())
	}
	data, _, err := imageindex.Marshal(top)
	if err != nil {
		return err
	}
	layout, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	if err := errors.Join(e.file(ocispec.ImageLayoutFile, layout), e.file(indexFile, data)); err != nil {
		return err
	}
	for _, image := range images {
		err := e.blob(image.desc)
		for _, d := range image.index.Manifests {
			if err == nil {
				err = e.image(d)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", image.ref, err)
		}
	}
	return nil
}

// entry is the image's in the archive's index.json.
func (image *exported) entry() ocispec.Descriptor {
	entry := image.desc
	entry.Annotations = maps.Clone(entry.Annotations)
	if name, err := canonicalName(image.ref); err == nil {
		entry.Annotations[containerName] = name
	}
	if image.part {
		held := imageindex.Platforms(image.index)
		slices.Sort(held)
		entry.Annotations[annotationHeld] = strings.Join(held, ",")
	}
	return entry
}

func (e *exporter) dockerArchive(images []*exported) error {
	var list []dockerImage
	var blobs []ocispec.Descriptor
	for _, image := range images {
		m, err := e.manifest(imageindex.Images(image.index)[0])
		if err != nil {
			return fmt.Errorf("%s: %w", image.ref, err)
		}
		item := dockerImage{Config: blobName(m.Config.Digest), RepoTags: []string{image.ref}, Layers: []string{}}
		for _, layer := range m.Layers {
			item.Layers = append(item.Layers, blobName(layer.Digest))
		}
		list = append(list, item)
		blobs = append(append(blobs, m.Config), m.Layers...)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := e.file(dockerFile, data); err != nil {
		return err
	}
	for _, d := range blobs {
		if err := e.blob(d); err != nil {
			return err
		}
	}
	return nil
}

// image writes a manifest and what it refers to.
func (e *exporter) image(desc ocispec.Descriptor) error {
	m, err := e.manifest(desc)
	if err != nil {
		return err
	}
	for _, d := range append([]ocispec.Descriptor{desc, m.Config}, m.Layers...) {
		if err := e.blob(d); err != nil {
			return err
		}
	}
	return nil
}

func (e *exporter) manifest(desc ocispec.Descriptor) (*ocispec.Manifest, error) {
	data, err := e.store.readBlob(e.ctx, desc)
	if err != nil {
		return nil, toRepair(err)
	}
	return parseManifest(desc, data)
}

// blob writes a blob once.
func (e *exporter) blob(desc ocispec.Descriptor) error {
	if e.written[desc.Digest] {
		return nil
	}
	e.written[desc.Digest] = true
	ra, err := e.store.content.reader(desc)
	if err != nil {
		return toRepair(err)
	}
	defer ra.Close()
	if err := e.header(blobName(desc.Digest), ra.Size()); err != nil {
		return err
	}
	digester := digest.SHA256.Digester()
	from := &stoppable{e.ctx, io.NewSectionReader(ra, 0, ra.Size())}
	if _, err := io.Copy(e.tar, io.TeeReader(from, digester.Hash())); err != nil {
		return fmt.Errorf("write blob %s: %w", desc.Digest, err)
	}
	if got := digester.Digest(); got != desc.Digest {
		e.store.content.spoil(desc.Digest, ra.info)
		return fmt.Errorf("blob %s has content %s: stowage apply builds it again, apply --pull gets it from a registry", desc.Digest, got)
	}
	return nil
}

func (e *exporter) file(name string, data []byte) error {
	if err := e.header(name, int64(len(data))); err != nil {
		return err
	}
	_, err := e.tar.Write(data)
	return err
}

// header begins a file. All are of the same time.
func (e *exporter) header(name string, size int64) error {
	return e.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)})
}
