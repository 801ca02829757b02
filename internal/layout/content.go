package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/filters"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// contentStore is the layout's blobs as containerd's content.Store. Unlike
// containerd's own, it may be one of many on a directory: what is being
// written is private to each writer. Two writers with one ref do not wait for
// each other; the first to commit wins and the other gets ErrAlreadyExists.
// Labels live in memory only: they are hints between parts of one run.
type contentStore struct {
	blobs  string
	disk   *disk
	ingest *ingest
	pins   *pins

	mu sync.Mutex
	// writers are the open ones, parked those that were closed before they
	// were committed, for the next Writer with that ref to go on with.
	writers map[*writer]struct{}
	parked  map[string]*partial
	labels  map[digest.Digest]labelled
	// wrong are files that are known not to be the blob that they are named
	// for. A file that replaced one of them is judged anew.
	wrong map[digest.Digest]fs.FileInfo
}

type labelled struct {
	labels  map[string]string
	updated time.Time
}

var _ content.Store = (*contentStore)(nil)

func newContentStore(dir string, d *disk) *contentStore {
	in := &ingest{root: filepath.Join(dir, ingestDir), disk: d}
	return &contentStore{
		blobs:   filepath.Join(dir, blobsDir, digest.SHA256.String()),
		disk:    d,
		ingest:  in,
		pins:    &pins{lockPath: filepath.Join(dir, gcFile), ingest: in, held: map[string]bool{}},
		writers: map[*writer]struct{}{},
		parked:  map[string]*partial{},
		labels:  map[digest.Digest]labelled{},
		wrong:   map[digest.Digest]fs.FileInfo{},
	}
}

// path is where the blob is. Digests of other algorithms than sha256 have no
// place here, nor have strings that only look like one.
func (c *contentStore) path(dgst digest.Digest) (string, error) {
	if encoded, is := strings.CutPrefix(string(dgst), "sha256:"); is && isHex64(encoded) {
		return filepath.Join(c.blobs, encoded), nil
	}
	if err := dgst.Validate(); err != nil {
		return "", fmt.Errorf("digest %q: %w: %w", dgst, err, errdefs.ErrInvalidArgument)
	}
	return "", fmt.Errorf("digest %s: the store holds sha256 only: %w", dgst, errdefs.ErrInvalidArgument)
}

// isHex64 is what digest.Validate asks of a sha256, without a regular
// expression: a plan asks it for every blob of every image.
func isHex64(text string) bool {
	if len(text) != 64 {
		return false
	}
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// use pins the blob: when it is found afterwards, it stays.
func (c *contentStore) use(ctx context.Context, dgst digest.Digest) error {
	if _, err := c.path(dgst); err != nil {
		return err
	}
	return c.pins.keep(ctx, pinBlob(dgst))
}

// stat finds the blob's file. One that is known to be damaged is not there:
// whoever has its content may write it again.
func (c *contentStore) stat(dgst digest.Digest) (fs.FileInfo, error) {
	path, err := c.path(dgst)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	wrong, known := c.wrong[dgst]
	if known && sameFile(wrong, info) || info.Size() == 0 && dgst != noContent {
		return nil, fmt.Errorf("blob %s is damaged: %w", dgst, errdefs.ErrNotFound)
	}
	return info, nil
}

// sameFile compares times too, since inodes are used again.
func sameFile(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// noContent is the digest of the only blob that has nothing in it.
var noContent = digest.FromBytes(nil)

// spoil has everybody find the blob's file damaged, which has other content than
// its name says and the right size, so that nobody would know without reading
// it: it is made empty. In a store that may not be written to this process alone
// knows.
func (c *contentStore) spoil(dgst digest.Digest, file fs.FileInfo) {
	c.distrust(dgst, file)
	if path, err := c.path(dgst); err == nil {
		_ = c.disk.empty(path, file)
	}
}

// distrust remembers that the blob's file, as it is now, is damaged.
func (c *contentStore) distrust(dgst digest.Digest, file fs.FileInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong[dgst] = file
}

// has reports whether the blob is there with the size; 0 or less is any. One
// that has another size is remembered as damaged.
func (c *contentStore) has(dgst digest.Digest, size int64) (bool, error) {
	info, err := c.stat(dgst)
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if size <= 0 || info.Size() == size {
		return true, nil
	}
	c.distrust(dgst, info)
	return false, nil
}

// Info returns the blob's size, times and labels.
func (c *contentStore) Info(ctx context.Context, dgst digest.Digest) (content.Info, error) {
	if err := c.use(ctx, dgst); err != nil {
		return content.Info{}, err
	}
	fi, err := c.stat(dgst)
	if err != nil {
		return content.Info{}, err
	}
	return c.info(dgst, fi), nil
}

func (c *contentStore) info(dgst digest.Digest, fi fs.FileInfo) content.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	info := content.Info{
		Digest: dgst, Size: fi.Size(),
		CreatedAt: fi.ModTime(), UpdatedAt: fi.ModTime(),
	}
	if l, ok := c.labels[dgst]; ok {
		info.Labels = maps.Clone(l.labels)
		info.UpdatedAt = l.updated
	}
	return info
}

// ReaderAt opens the blob. With desc.Size set, a file of another size is not
// the blob.
func (c *contentStore) ReaderAt(ctx context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	if err := c.use(ctx, desc.Digest); err != nil {
		return nil, err
	}
	ra, err := c.reader(desc)
	if err != nil {
		return nil, err
	}
	return ra, nil
}

// reader is ReaderAt of what is pinned already, or need not be.
func (c *contentStore) reader(desc ocispec.Descriptor) (*readerAt, error) {
	if ok, err := c.has(desc.Digest, desc.Size); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("blob %s with %d bytes: %w", desc.Digest, desc.Size, errdefs.ErrNotFound)
	}
	return c.open(desc.Digest)
}

// open opens the blob's file, damaged or not.
func (c *contentStore) open(dgst digest.Digest) (*readerAt, error) {
	path, err := c.path(dgst)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &readerAt{File: f, info: info}, nil
}

// readerAt is an open blob. The file cannot change, unless it is found to have
// other content than its name says: blobs are replaced whole.
type readerAt struct {
	*os.File
	info fs.FileInfo
}

func (r *readerAt) Size() int64 { return r.info.Size() }

// Update changes labels: all of them, or those that fieldpaths name.
func (c *contentStore) Update(ctx context.Context, info content.Info, fieldpaths ...string) (content.Info, error) {
	if err := c.use(ctx, info.Digest); err != nil {
		return content.Info{}, err
	}
	fi, err := c.stat(info.Digest)
	if err != nil {
		return content.Info{}, err
	}
	if err := c.relabel(info, fieldpaths); err != nil {
		return content.Info{}, err
	}
	return c.info(info.Digest, fi), nil
}

func (c *contentStore) relabel(info content.Info, fieldpaths []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	labels := maps.Clone(c.labels[info.Digest].labels)
	if labels == nil {
		labels = map[string]string{}
	}
	if len(fieldpaths) == 0 {
		fieldpaths = []string{"labels"}
	}
	for _, path := range fieldpaths {
		key, one := strings.CutPrefix(path, "labels.")
		switch {
		case path == "labels":
			labels = maps.Clone(info.Labels)
		case !one:
			return fmt.Errorf("update %s of blob %s: only labels can change: %w", path, info.Digest, errdefs.ErrInvalidArgument)
		case info.Labels[key] == "":
			delete(labels, key)
		default:
			labels[key] = info.Labels[key]
		}
	}
	c.labels[info.Digest] = labelled{labels: labels, updated: time.Now()}
	return nil
}

// Walk calls fn for each blob that one of the filters matches, in the order
// of digests. Blobs that come or go meanwhile may be seen or not.
func (c *contentStore) Walk(ctx context.Context, fn content.WalkFunc, fs ...string) error {
	filter, err := filters.ParseAll(fs...)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(c.blobs)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		dgst := digest.NewDigestFromEncoded(digest.SHA256, e.Name())
		fi, err := c.stat(dgst)
		if errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err) {
			continue
		}
		if err != nil {
			return err
		}
		info := c.info(dgst, fi)
		if !filter.Match(content.AdaptInfo(info)) {
			continue
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes the blob. It does not ask whether something refers to it.
func (c *contentStore) Delete(_ context.Context, dgst digest.Digest) error {
	path, err := c.path(dgst)
	if err != nil {
		return err
	}
	if err := c.disk.remove(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blob %s: %w", dgst, errdefs.ErrNotFound)
	} else if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.labels, dgst)
	return nil
}
