package layout

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// ImportOptions say what of an archive to import.
type ImportOptions struct {
	// Ref is what to call the archive's image, which must be the only one; ""
	// is what the archive calls it.
	Ref string
	// Platforms are those to import; none is all. An archive that lacks one is
	// an error.
	Platforms []string
}

// Import reads an archive, of FormatOCI or FormatDocker, compressed by gzip or
// zstd or not, and puts its images into the store, those for which there is
// something already in its place. A package's image of the same input hash
// keeps the platforms that it has here and not in the archive.
//
// Blobs are checked against their digests, or in what docker save wrote
// against the image's configuration. All of the archive is read before any of
// its images has a name here, and all get theirs at once; after an error, none
// has, and Collect removes what was read.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) ([]ArchivedImage, error) {
	a := &archive{store: s, ctx: ctx, files: map[string]archived{}, links: map[string]string{}, special: map[string][]byte{}}
	images, err := a.load(r, opts)
	if err != nil {
		return nil, fmt.Errorf("import into the store: %w", err)
	}
	return images, nil
}

// archive is an archive that is being read.
type archive struct {
	store *Store
	ctx   context.Context

	files   map[string]archived // blobs in the store, by name in the archive
	links   map[string]string   // names that are other names of files
	special map[string][]byte   // what describes the images
}

// archived is a file of an archive that is in the store.
type archived struct {
	desc ocispec.Descriptor // without media type
	how  compression.Compression
}

// named is an image that is to have a name in the store.
type named struct {
	ref  string
	desc ocispec.Descriptor
	held []string
}

func (a *archive) load(r io.Reader, opts ImportOptions) ([]ArchivedImage, error) {
	if err := a.read(r); err != nil {
		return nil, err
	}
	images, err := a.images(opts.Ref)
	if err != nil {
		return nil, err
	}
	for i := range images {
		if err := a.check(&images[i], opts.Platforms); err != nil {
			return nil, fmt.Errorf("%s: %w", images[i].ref, err)
		}
	}
	return a.store.name(a.ctx, images)
}

// read puts all files into the store.
func (a *archive) read(r io.Reader) error {
	plain, err := compression.DecompressStream(&stoppable{a.ctx, r})
	if err != nil {
		return err
	}
	defer plain.Close()
	t := tar.NewReader(plain)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			// What compresses has its checksum at the end.
			_, err = io.Copy(io.Discard, plain)
			return cutOff(err)
		}
		if err != nil {
			return cutOff(err)
		}
		if err := a.entry(h, t); err != nil {
			return fmt.Errorf("%s: %w", h.Name, cutOff(err))
		}
	}
}

// cutOff says in words that an archive ends too early, or is none.
func cutOff(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the archive ends in the middle of a file: copy or download it again: %w", err)
	case errors.Is(err, tar.ErrHeader):
		return fmt.Errorf("this is no tar file, or a damaged one: %w", err)
	}
	return err
}

func (a *archive) entry(h *tar.Header, r io.Reader) error {
	name := cleanName(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		return a.file(name, h.Size, r)
	case tar.TypeSymlink:
		a.links[name] = cleanName(path.Join(path.Dir(name), h.Linkname))
	case tar.TypeLink:
		a.links[name] = cleanName(h.Linkname)
	}
	return nil
}

func (a *archive) file(name string, size int64, r io.Reader) error {
	var expected digest.Digest
	switch {
	case name == indexFile, name == dockerFile, name == ocispec.ImageLayoutFile:
		data, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
		if err == nil && len(data) > maxManifest {
			err = fmt.Errorf("the file has %d bytes; more than %d are not read", size, maxManifest)
		}
		a.special[name] = data
		return err
	case strings.HasPrefix(name, archiveBlobs+"/"):
		expected = digest.Digest(strings.Replace(strings.TrimPrefix(name, archiveBlobs+"/"), "/", ":", 1))
		if err := expected.Validate(); err != nil {
			return fmt.Errorf("the name of a blob is its digest: %w", err)
		}
	case slices.Contains([]string{"repositories", "VERSION", "json"}, path.Base(name)):
		return nil // for versions of Docker before 1.10
	}
	file, err := a.put(name, size, expected, r)
	a.files[name] = file
	return err
}

// put writes a file into the store's content. One that is there is not read.
func (a *archive) put(name string, size int64, expected digest.Digest, r io.Reader) (archived, error) {
	head := bufio.NewReader(r)
	magic, err := head.Peek(int(min(size, 10)))
	if err != nil {
		return archived{}, err
	}
	file := archived{desc: ocispec.Descriptor{Digest: expected, Size: size}, how: compression.DetectCompression(magic)}
	ref := "import " + name
	w, err := a.store.content.Writer(a.ctx, content.WithRef(ref), content.WithDescriptor(file.desc))
	if errdefs.IsAlreadyExists(err) {
		return file, nil
	}
	if err != nil {
		return archived{}, err
	}
	if _, err := io.Copy(w, head); err != nil {
		err = errors.Join(err, w.Close())
		_ = a.store.content.Abort(a.ctx, ref) // nothing, when nothing was written
		return archived{}, err
	}
	err = w.Commit(a.ctx, size, expected)
	file.desc.Digest = w.Digest()
	if err != nil && !errdefs.IsAlreadyExists(err) {
		return archived{}, err
	}
	return file, nil
}

// images finds what the archive calls its images.
func (a *archive) images(ref string) ([]named, error) {
	descs, err := a.described()
	if err != nil {
		return nil, err
	}
	if ref != "" {
		if len(descs) != 1 {
			return nil, fmt.Errorf("the archive has %d images: one name is for one", len(descs))
		}
		if ref, err = canonicalName(ref); err != nil {
			return nil, err
		}
	}
	images := map[string]named{}
	for _, desc := range descs {
		name := ref
		if name == "" {
			if name, err = nameOf(desc); err != nil {
				return nil, err
			}
		}
		if other, twice := images[name]; twice && other.desc.Digest != desc.Digest {
			return nil, fmt.Errorf("the archive has two images %s", name)
		}
		images[name] = named{ref: name, desc: desc}
	}
	return slices.SortedFunc(maps.Values(images), func(a, b named) int { return cmp.Compare(a.ref, b.ref) }), nil
}

// described returns the entries of the archive's index.json, or such as they
// would be.
func (a *archive) described() ([]ocispec.Descriptor, error) {
	if data, ok := a.special[indexFile]; ok {
		idx, err := imageindex.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("%s in the archive: %w", indexFile, err)
		}
		if len(idx.Manifests) == 0 {
			return nil, errors.New("the archive has no images")
		}
		return idx.Manifests, nil
	}
	data, ok := a.special[dockerFile]
	if !ok {
		return nil, fmt.Errorf("the archive has neither %s nor %s: it is not of images", indexFile, dockerFile)
	}
	var items []dockerImage
	if err := json.Unmarshal(data, &items); err != nil {
		return nil, fmt.Errorf("%s in the archive: %w", dockerFile, err)
	}
	return a.fromDocker(items)
}

// check finds out which platforms are there, and pins the image.
func (a *archive) check(image *named, platforms []string) error {
	if err := a.store.pin(a.ctx, image.ref, []ocispec.Descriptor{image.desc}); err != nil {
		return err
	}
	if len(platforms) == 0 {
		platforms = heldPlatforms(image.desc)
	}
	held, err := a.store.checkImage(a.ctx, image.desc, platforms)
	if errdefs.IsNotFound(err) {
		return fmt.Errorf("the archive was cut off, or was made without some platforms (choose others with --platform): %w", err)
	}
	image.held = held
	return err
}

// name gives all images their names, at once.
func (s *Store) name(ctx context.Context, images []named) ([]ArchivedImage, error) {
	unlock, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := s.index.load()
	if err != nil {
		return nil, err
	}
	changed := map[string]ocispec.Descriptor{}
	var out []ArchivedImage
	for _, image := range images {
		entry, idx, err := s.joined(ctx, current, image)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", image.ref, err)
		}
		changed[image.ref] = entry
		out = append(out, ArchivedImage{Ref: image.ref, Digest: entry.Digest, Platforms: imageindex.Platforms(idx)})
	}
	return out, s.writeEntries(current, changed)
}

// joined returns the entry for an image, and what of it was imported. Other
// platforms of the same package, that the store has, are put beside it.
func (s *Store) joined(ctx context.Context, current *catalog, image named) (ocispec.Descriptor, *ocispec.Index, error) {
	old := current.byRef[image.ref]
	entry := imageEntry(image.ref, image.desc, image.held, old)
	imported, err := s.readIndex(ctx, imageEntry(image.ref, image.desc, image.held, ocispec.Descriptor{}))
	if err != nil {
		return entry, nil, err
	}
	hash := imported.Annotations[planner.AnnotationHash]
	if hash == "" {
		return entry, imported, nil
	}
	entry.Annotations[planner.AnnotationHash] = hash
	there, err := s.editable(ctx, current, image.ref)
	if err != nil || there.Annotations[planner.AnnotationHash] != hash || old.Digest == entry.Digest {
		return entry, imported, err
	}
	merged, _, err := imageindex.Merge(there, imported, imageindex.Merging{Overwrite: true, HashKey: planner.AnnotationHash})
	if err != nil || len(merged.Manifests) == len(imported.Manifests) {
		return entry, imported, err
	}
	desc, err := s.writeIndex(ctx, merged)
	if err != nil {
		return entry, nil, err
	}
	desc.Annotations = map[string]string{ocispec.AnnotationRefName: image.ref, planner.AnnotationHash: hash}
	return desc, imported, nil
}
