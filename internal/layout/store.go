package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// Names inside the layout directory.
const (
	blobsDir  = "blobs"
	ingestDir = "ingest"
	indexFile = "index.json"
	lockFile  = "index.lock"
	gcFile    = "gc.lock"

	// previousFile is index.json as it was before its last change, damagedFile
	// one that could not be read and was replaced.
	previousFile = "index.json.previous"
	damagedFile  = "index.json.damaged"
)

// createTimeout bounds the wait for another process that is creating the
// same layout.
const createTimeout = time.Minute

// Store is an OCI image layout directory. It is safe for concurrent use, and
// so is the directory by other Stores in this process and in others.
type Store struct {
	dir     string
	disk    *disk
	content *contentStore
	index   indexCache
	commits commits
	origins origins
}

var _ executor.Store = (*Store)(nil)

// Open opens the layout in dir, creating what is missing of it, and removes
// what processes that are gone left half written. When index.json is lost or
// cannot be read, the store has what it had before the last change: see Damage.
func Open(dir string) (*Store, error) { return openOn(dir, &disk{}) }

func openOn(dir string, d *disk) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{dir: dir, disk: d}
	s.index.dir = dir
	s.commits.turn = make(chan struct{}, 1)
	s.content = newContentStore(dir, d)
	if err := s.initialise(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if _, err := s.index.load(); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if err := d.removeStale(filepath.Join(dir, ingestDir)); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

// Close gives up what the store holds: half written blobs and open files.
// Content writers that are still open fail afterwards.
func (s *Store) Close() error {
	return errors.Join(s.content.close(), s.index.close())
}

// Dir is the layout's absolute path.
func (s *Store) Dir() string { return s.dir }

// Content is the layout's blobs, to be written and read by digest. It is one
// value for the life of the store.
func (s *Store) Content() content.Store { return s.content }

// initialise creates the layout's files. oci-layout comes last, so a
// directory that has it has, or had, everything else.
func (s *Store) initialise() error {
	_, err := os.Stat(filepath.Join(s.dir, ocispec.ImageLayoutFile))
	if err == nil {
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.disk.mkdirAll(s.content.blobs); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), createTimeout)
	defer cancel()
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(s.index.path()); errors.Is(err, fs.ErrNotExist) {
		data, _, err := imageindex.Marshal(imageindex.New())
		if err != nil {
			return err
		}
		if _, err := s.replaceFile(indexFile, data); err != nil {
			return err
		}
	}
	_, err = s.replaceFile(ocispec.ImageLayoutFile, []byte(`{"imageLayoutVersion":"`+ocispec.ImageLayoutVersion+`"}`))
	return err
}

// replaceFile gives the file name in the layout directory the content data:
// at every instant it has either the old content or the new. It returns when
// the change is durable, and describes the new file.
func (s *Store) replaceFile(name string, data []byte) (fs.FileInfo, error) {
	f, err := s.content.ingest.create()
	if err != nil {
		return nil, err
	}
	var info fs.FileInfo
	_, err = s.disk.write(f, data)
	if err == nil {
		err = s.disk.chmod(f, 0o644)
	}
	if err == nil {
		err = s.disk.sync(f)
	}
	if err == nil {
		info, err = f.Stat()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.disk.rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		return nil, errors.Join(err, s.disk.remove(f.Name()))
	}
	return info, s.disk.syncDir(s.dir)
}
