package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// operations change a store. Each is stopped at every change that it makes to
// the disk.
var operations = map[string]func(ctx context.Context, s *Store) error{
	"put a new node": func(ctx context.Context, s *Store) error {
		return putText(ctx, s, "r.test/new:1", "linux/amd64", "new")
	},
	"put another platform": func(ctx context.Context, s *Store) error {
		return putText(ctx, s, "r.test/old:1", "linux/arm64", "arm")
	},
	"put the same again": func(ctx context.Context, s *Store) error {
		return putText(ctx, s, "r.test/old:1", "linux/amd64", "old")
	},
	"put an index": func(ctx context.Context, s *Store) error {
		_, err := s.PutIndex(ctx, "r.test/old:1", []string{"linux/amd64"}, map[string]string{"a": "b"})
		return err
	},
	"put an image": func(ctx context.Context, s *Store) error {
		desc, err := s.Resolve(ctx, "r.test/old:1")
		if err != nil {
			return err
		}
		return s.PutImage(ctx, "r.test/copy:1", desc, nil)
	},
	"attach": func(ctx context.Context, s *Store) error {
		desc, err := s.Resolve(ctx, "r.test/old:1")
		if err != nil {
			return err
		}
		return s.Attach(ctx, "r.test/old:1", desc, "application/vnd.test", []byte("more"))
	},
	"look up": func(ctx context.Context, s *Store) error {
		_, err := s.Lookup(ctx, "r.test/old:1")
		return err
	},
	"remove": func(ctx context.Context, s *Store) error {
		refs, err := s.Match(ctx, []string{"*"})
		if err != nil || !strings.Contains(strings.Join(refs, " "), "r.test/old:1") {
			return err // done before
		}
		_, err = s.Remove(ctx, []string{"r.test/old:*"})
		return err
	},
	"import": func(ctx context.Context, s *Store) error {
		// What it makes is the same each time.
		data, err := archiveOfTwo(ctx)
		if err != nil {
			return err
		}
		_, err = s.Import(ctx, bytes.NewReader(data), ImportOptions{})
		return err
	},
	"collect": func(ctx context.Context, s *Store) error {
		_, err := s.Collect(ctx, CollectOptions{})
		return err
	},
	"collect by age": func(ctx context.Context, s *Store) error {
		_, err := s.Collect(ctx, CollectOptions{OlderThan: time.Minute})
		return err
	},
	"collect by size": func(ctx context.Context, s *Store) error {
		_, err := s.Collect(ctx, CollectOptions{MaxSize: 1})
		return err
	},
}

const someHash = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

func putText(ctx context.Context, s *Store, ref, platform, text string) error {
	result, err := fake.WriteImage(ctx, contentWriter{s}, fake.ImageSpec{
		Platform: platform, Layers: []string{text},
	})
	if err != nil {
		return err
	}
	return s.PutNode(ctx, executor.NodeEntry{Ref: ref, Hash: someHash, Platform: platform, BuildResult: *result})
}

// archiveOfTwo has a new image, and another platform of one that there is.
func archiveOfTwo(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "archive")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = errors.Join(
		putText(ctx, s, "r.test/old:1", "linux/arm64", "arm"),
		putText(ctx, s, "r.test/more:1", "linux/arm64", "more"),
	)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = s.Export(ctx, &b, []string{"*"}, ExportOptions{Format: FormatOCI})
	return b.Bytes(), err
}

type contentWriter struct{ *Store }

func (w contentWriter) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, w.content, desc.Digest.String(), bytes.NewReader(data), desc)
}

// prepare makes a store with images, one of them old, and garbage.
func prepare(t *testing.T, dir string) {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	desc := ocispec.Descriptor{}
	err = errors.Join(
		putText(ctx, s, "r.test/old:1", "linux/amd64", "old"),
		putText(ctx, s, "r.test/kept:1", "linux/amd64", "kept"),
		putText(ctx, s, "r.test/garbage:1", "linux/amd64", "garbage"),
	)
	if err == nil {
		desc, err = s.Resolve(ctx, "r.test/old:1")
	}
	if err == nil {
		err = s.Attach(ctx, "r.test/old:1", desc, "application/vnd.test", []byte("about old"))
	}
	if err == nil {
		_, err = s.Remove(ctx, []string{"r.test/garbage:1"})
	}
	then := time.Now().Add(-2 * time.Hour)
	err = errors.Join(err, os.Chtimes(filepath.Join(s.content.blobs, desc.Digest.Encoded()), then, then), s.Close())
	if err != nil {
		t.Fatal(err)
	}
}

// errStopped is what a change that is not made gives.
var errStopped = errors.New("stopped here")

// stopper lets some changes happen and stops the next one: for good, as a dead
// process makes no more of them, or once, as a disk that fails.
type stopper struct {
	count   int // of changes that happen
	forGood bool
	seen    int
	stopped bool
	at      string
}

func (s *stopper) step(op, path string) error {
	if s.seen++; s.seen <= s.count {
		return nil
	}
	if s.stopped && !s.forGood {
		return nil
	}
	if !s.stopped {
		s.stopped, s.at = true, op+" "+filepath.Base(path)
	}
	return errStopped
}

func TestStoppedAnywhere(t *testing.T) {
	for name, do := range operations {
		for _, forGood := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/for good %v", name, forGood), func(t *testing.T) {
				t.Parallel()
				template := memoryDir(t)
				prepare(t, template)
				n := 0
				for ; ; n++ {
					stop := &stopper{count: n, forGood: forGood}
					if !stopOnce(t, template, stop, do) {
						break
					}
				}
				if n < 3 {
					t.Errorf("only %d changes to the disk were seen", n)
				}
			})
		}
	}
}

// stopOnce does the operation on a copy of the store, with stop, and looks at
// what is left. It reports whether anything was stopped.
func stopOnce(t *testing.T, template string, stop *stopper, do func(context.Context, *Store) error) bool {
	t.Helper()
	dir := filepath.Join(memoryDir(t), "store")
	copyStore(t, template, dir)
	doStopped(t, dir, stop, do)
	if !stop.stopped {
		return false
	}
	where := fmt.Sprintf("stopped at change %d, %s", stop.count, stop.at)
	s, err := Open(dir)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	defer s.Close()
	wantSound(t, s, where)
	if err := do(t.Context(), s); err != nil {
		t.Errorf("%s: doing it again: %v", where, err)
	}
	wantSound(t, s, where+", done again")
	return !t.Failed()
}

// doStopped does the operation until it is stopped. What fails must say so,
// unless it matters to nobody.
func doStopped(t *testing.T, dir string, stop *stopper, do func(context.Context, *Store) error) {
	t.Helper()
	s, err := openOn(dir, &disk{step: stop.step})
	if err == nil {
		err = do(t.Context(), s)
		if stop.stopped && stop.forGood && err == nil && !strings.HasPrefix(stop.at, "chtimes") {
			t.Errorf("stopped at %s without an error", stop.at)
		}
		if stop.stopped && !stop.forGood && err == nil {
			wantSound(t, s, "stopped at "+stop.at)
		}
		// What a process holds goes with it.
		if err := s.Close(); err != nil && !errors.Is(err, errStopped) {
			t.Error(err)
		}
	}
	if err != nil && !errors.Is(err, errStopped) {
		t.Errorf("stopped at %s: %v", stop.at, err)
	}
}

// memoryDir is a directory where syncing takes no time, if there is such: the
// tests stop a process and not the machine.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "layout")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func copyStore(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(from, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries { // times say what is old
		info, err := e.Info()
		if err == nil {
			err = os.Chtimes(filepath.Join(to, "blobs", "sha256", e.Name()), info.ModTime(), info.ModTime())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wantSound wants a store in which the image that nothing was done to is
// whole, and nothing is damaged.
func wantSound(t *testing.T, s *Store, where string) {
	t.Helper()
	problems, err := s.Verify(t.Context())
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for _, p := range problems {
		if p.Fault != FaultLeftover {
			t.Errorf("%s: %s", where, p)
		}
	}
	entries, err := os.ReadDir(filepath.Join(s.dir, ingestDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.IsDir() && filepath.Join(s.dir, ingestDir, e.Name()) != s.content.ingest.dir {
			t.Errorf("%s: %s is left over", where, e.Name())
		}
	}
}

// TestNothingIsNamedBeforeItIsDurable follows the order of changes: a power
// failure may lose what was not synced.
func TestNothingIsNamedBeforeItIsDurable(t *testing.T) {
	for name, do := range operations {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(memoryDir(t), "store")
			prepare(t, dir)
			d := durability{t: t, dir: dir, unsynced: map[string]bool{}}
			s, err := openOn(dir, &disk{step: d.step})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(do(t.Context(), s), s.Close()); err != nil {
				t.Fatal(err)
			}
			if d.pending {
				t.Error("index.json was replaced, and its directory not synced")
			}
		})
	}
}

// durability watches what has been synced.
type durability struct {
	t        *testing.T
	dir      string
	last     string          // written to, and renamed next
	unsynced map[string]bool // files that were written to
	names    bool            // of blobs are not durable
	pending  bool            // index.json is not durable
}

func (d *durability) step(op, path string) error {
	switch op {
	case "write":
		d.unsynced[path], d.last = true, path
	case "sync":
		delete(d.unsynced, path)
		switch path {
		case filepath.Join(d.dir, "blobs", "sha256"):
			d.names = false
		case d.dir:
			d.pending = false
		}
	case "rename":
		if d.unsynced[d.last] {
			d.t.Errorf("%s gets its name before it is synced", path)
		}
		if filepath.Base(path) != indexFile {
			d.names = true
			break
		}
		if d.names {
			d.t.Error("index.json is replaced before the names of blobs are durable")
		}
		d.pending = true
	case "remove":
		if d.pending && strings.Contains(path, blobsDir) {
			d.t.Errorf("%s is removed before index.json without it is durable", path)
		}
	}
	return nil
}
