package buildkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/session/secrets"
	"github.com/tonistiigi/fsutil"
	"github.com/tonistiigi/fsutil/types"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// fileTime is the modification time of everything in a context, so that
// times on disk cannot reach an image: 1980-01-01, the first date that a zip
// archive can hold.
var fileTime = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// tree serves an exact set of files to the daemon. It implements fsutil.FS.
type tree struct {
	// key is a digest of the content, name what the daemon asks for.
	key     string
	name    string
	entries []*types.Stat // parents before children
	files   map[string]planner.File
	inline  map[string][]byte // content that is in memory
	made    map[string]generator

	mu   sync.Mutex
	err  error // the first file that was not as planned
	told []func()
}

var _ fsutil.FS = (*tree)(nil)

// newTree makes a tree of a source set, with the directories above its files.
func newTree(files []planner.File) (*tree, error) {
	t := &tree{files: make(map[string]planner.File, len(files))}
	key := sha256.New()
	dirs := map[string]bool{}
	for _, f := range files {
		for dir := path.Dir(f.Path); dir != "." && !dirs[dir]; dir = path.Dir(dir) {
			dirs[dir] = true
			t.entries = append(t.entries, stat(dir, fs.ModeDir|0o755))
		}
		s := stat(f.Path, 0o644)
		switch f.Type {
		case planner.FileRegular:
			s.Size = f.Size
		case planner.FileExecutable:
			s.Size, s.Mode = f.Size, 0o755
		case planner.FileSymlink:
			s.Mode, s.Linkname = uint32(fs.ModeSymlink|0o777), f.Link
		case planner.FileDirectory:
			if dirs[f.Path] {
				continue
			}
			dirs[f.Path] = true
			s.Mode = uint32(fs.ModeDir | 0o755)
		default:
			return nil, fmt.Errorf("file %s is of unknown type %q", f.Path, f.Type)
		}
		t.entries = append(t.entries, s)
		t.files[f.Path] = f
		fmt.Fprintf(key, "%q %s %s %q\n", f.Path, f.Type, f.Digest, f.Link)
	}
	slices.SortFunc(t.entries, func(a, b *types.Stat) int {
		return strings.Compare(strings.ReplaceAll(a.Path, "/", "\x00"), strings.ReplaceAll(b.Path, "/", "\x00"))
	})
	t.key = hex.EncodeToString(key.Sum(nil))
	return t, nil
}

// find returns the path of a regular file with a content, the first of them.
func (t *tree) find(content []byte) (string, bool) {
	sum := sha256.Sum256(content)
	digest := hex.EncodeToString(sum[:])
	for _, s := range t.entries {
		if t.files[s.Path].Digest == digest {
			return s.Path, true
		}
	}
	return "", false
}

// newFile is a tree of one file in memory, with the directories above it.
func newFile(name string, content []byte) *tree {
	sum := sha256.Sum256(append([]byte(name+"\n"), content...))
	t := &tree{key: hex.EncodeToString(sum[:]), inline: map[string][]byte{name: content}}
	for i, c := range name {
		if c == '/' {
			t.entries = append(t.entries, stat(name[:i], fs.ModeDir|0o755))
		}
	}
	s := stat(name, 0o644)
	s.Size = int64(len(content))
	t.entries = append(t.entries, s)
	return t
}

func stat(name string, mode fs.FileMode) *types.Stat {
	return &types.Stat{Path: name, Mode: uint32(mode), ModTime: fileTime.UnixNano()}
}

// Walk calls fn for everything below target, in the order of fs.WalkDir.
func (t *tree) Walk(ctx context.Context, target string, fn fs.WalkDirFunc) error {
	target = path.Clean(strings.TrimPrefix(target, "/"))
	skip := ""
	for _, s := range t.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		inside := target == "." || s.Path == target || strings.HasPrefix(s.Path, target+"/")
		if !inside || (skip != "" && strings.HasPrefix(s.Path, skip)) {
			continue
		}
		err := fn(s.Path, &fsutil.DirEntryInfo{Stat: s.CloneVT()}, nil)
		if errors.Is(err, fs.SkipDir) {
			skip = s.Path + "/"
			if !fs.FileMode(s.Mode).IsDir() {
				skip = path.Dir(s.Path) + "/"
			}
			continue
		}
		if errors.Is(err, fs.SkipAll) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Open opens a file. Reading it fails when it cannot be opened, since the
// transfer takes an error of Open for an empty file, and when the content is
// not what was hashed.
func (t *tree) Open(name string) (io.ReadCloser, error) {
	if content, ok := t.inline[name]; ok {
		return io.NopCloser(bytes.NewReader(content)), nil
	}
	if write, ok := t.made[name]; ok {
		return write.open(t), nil
	}
	f, ok := t.files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := openRegular(f.Origin)
	if err != nil {
		t.fail(err)
		return io.NopCloser(unreadable{err}), nil
	}
	return &checkedFile{tree: t, file: file, want: f, hash: sha256.New()}, nil
}

func changedError(name string) error {
	return fmt.Errorf("%s changed after it was hashed; run again", name)
}

// unreadable is a file that cannot be opened.
type unreadable struct{ err error }

func (u unreadable) Read([]byte) (int, error) { return 0, u.err }

func (t *tree) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
	for _, f := range t.told {
		f()
	}
}

// whenFailed has f called when a file is not as planned. f does not wait.
func (t *tree) whenFailed(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told = append(t.told, f)
	if t.err != nil {
		f()
	}
}

// failure is the first file that was not as planned.
func (t *tree) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// checkedFile hashes a file while it is read.
type checkedFile struct {
	tree *tree
	file *os.File
	want planner.File
	hash hash.Hash
	size int64
}

// Read reads. At the end of the file it fails if the content is another.
func (c *checkedFile) Read(b []byte) (int, error) {
	n, err := c.file.Read(b)
	c.hash.Write(b[:n])
	c.size += int64(n)
	if c.size > c.want.Size || (errors.Is(err, io.EOF) && !c.asPlanned()) {
		err = changedError(c.want.Origin)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		c.tree.fail(err)
	}
	return n, err
}

func (c *checkedFile) asPlanned() bool {
	return c.size == c.want.Size && hex.EncodeToString(c.hash.Sum(nil)) == c.want.Digest
}

// Close closes the file.
func (c *checkedFile) Close() error { return c.file.Close() }

// secretStore reads secrets when the daemon asks for them.
type secretStore []executor.Secret

// GetSecret returns a secret's value.
func (s secretStore) GetSecret(_ context.Context, id string) ([]byte, error) {
	for _, secret := range s {
		if secret.ID == id {
			return secret.Value()
		}
	}
	return nil, fmt.Errorf("secret %s: %w", id, secrets.ErrNotFound)
}
