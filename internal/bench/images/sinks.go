package images

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// Layout is an image layout, of the image layout specification, that did not
// exist before. It is one after Close.
type Layout struct {
	dir string

	mu      sync.Mutex
	entries []ocispec.Descriptor
}

// NewLayout begins a layout in dir.
func NewLayout(dir string) (*Layout, error) {
	return &Layout{dir: dir}, os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755)
}

func (l *Layout) put(_ string, b blob) error {
	return os.WriteFile(filepath.Join(l.dir, "blobs", "sha256", b.Digest.Encoded()), b.data, 0o444)
}

func (l *Layout) tag(ref string, index ocispec.Descriptor) error {
	annotations := maps.Clone(index.Annotations)
	annotations[ocispec.AnnotationRefName] = ref
	index.Annotations = annotations
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, index)
	return nil
}

// Close writes what makes the directory a layout.
func (l *Layout) Close() error {
	slices.SortFunc(l.entries, func(a, b ocispec.Descriptor) int {
		return cmp.Compare(a.Annotations[ocispec.AnnotationRefName], b.Annotations[ocispec.AnnotationRefName])
	})
	index := imageindex.New()
	index.Manifests = l.entries
	data, _, err := imageindex.Marshal(index)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(l.dir, ocispec.ImageIndexFile), data, 0o644); err != nil {
		return err
	}
	version, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(l.dir, ocispec.ImageLayoutFile), version, 0o644)
}

// Distribution is the root directory of the storage driver for file systems of
// the registry distribution 2; the comment at pathMapper in its
// registry/storage/paths.go has the form.
type Distribution string

func (d Distribution) put(repository string, b blob) error {
	hex := b.Digest.Encoded()
	if err := d.write(b.data, "blobs", "sha256", hex[:2], hex, "data"); err != nil {
		return err
	}
	links := []string{"_layers"}
	if b.manifest {
		links = []string{"_manifests", "revisions"}
	}
	return d.link(b.Descriptor, append(append([]string{"repositories", repository}, links...), "sha256", hex)...)
}

func (d Distribution) tag(ref string, index ocispec.Descriptor) error {
	_, path, _ := strings.Cut(ref, "/")
	at := strings.LastIndexByte(path, ':')
	tag := []string{"repositories", path[:at], "_manifests", "tags", path[at+1:]}
	if err := d.link(index, append(slices.Clip(tag), "index", "sha256", index.Digest.Encoded())...); err != nil {
		return err
	}
	return d.link(index, append(slices.Clip(tag), "current")...)
}

// link writes a file that names a blob.
func (d Distribution) link(to ocispec.Descriptor, path ...string) error {
	return d.write([]byte(to.Digest), append(path, "link")...)
}

func (d Distribution) write(data []byte, path ...string) error {
	name := filepath.Join(append([]string{string(d), "docker", "registry", "v2"}, path...)...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o644)
}
