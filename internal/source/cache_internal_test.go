package source

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests are of the cache by itself: what it remembers cannot be told from
// outside, where a file that is read again gives the same digest.

// workspace is a directory with files of which the cache is asked.
type workspace struct {
	t    *testing.T
	dir  string
	path string // of the cache
}

func newWorkspace(t *testing.T, files ...string) workspace {
	w := workspace{t, t.TempDir(), filepath.Join(t.TempDir(), "sub", "cache")}
	for _, name := range files {
		w.write(name, "content of "+name)
	}
	return w
}

func (w workspace) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w workspace) stamp(name string) fingerprint {
	w.t.Helper()
	var st syscall.Stat_t
	if err := lstat(filepath.Join(w.dir, name), &st); err != nil {
		w.t.Fatal(err)
	}
	return stamp(&st)
}

// open is a cache at a time from now on.
func (w workspace) open(ahead time.Duration) *cache {
	return &cache{path: w.path, root: w.dir, now: func() time.Time { return time.Now().Add(ahead) }, remote: isRemote}
}

func (w workspace) ask(c *cache, name string, as fingerprint) (digest, error) {
	hint := 0
	return c.get(name, filepath.Join(w.dir, name), as, &hint)
}

func (w workspace) save(c *cache) {
	w.t.Helper()
	if err := c.save(); err != nil {
		w.t.Fatal(err)
	}
}

// TestRemembered: while all that the file system says is the same the file is
// not read, and as soon as one thing is not it is.
func TestRemembered(t *testing.T) {
	w := newWorkspace(t, "f", "g")
	first := w.open(time.Hour)
	was := w.stamp("f")
	want, err := w.ask(first, "f", was)
	if err != nil {
		t.Fatal(err)
	}
	w.save(first)
	if err := os.Remove(filepath.Join(w.dir, "f")); err != nil {
		t.Fatal(err)
	}
	if have, err := w.ask(w.open(time.Hour), "f", was); err != nil || have != want {
		t.Errorf("digest %x, error %v, want %x without a look at the file", have, err, want)
	}
	for i, change := range []func(*fingerprint){
		func(f *fingerprint) { f.size++ }, func(f *fingerprint) { f.mtime++ }, func(f *fingerprint) { f.ctime++ }, func(f *fingerprint) { f.inode++ },
	} {
		changed := was
		change(&changed)
		if _, err := w.ask(w.open(time.Hour), "f", changed); err == nil {
			t.Errorf("change %d went unseen", i)
		}
	}
	if _, err := w.ask(w.open(time.Hour), "g", was); err == nil {
		t.Error("another file's digest is the same")
	}
}

// TestRacyFiles: a file that may yet be written within the same tick is not
// remembered for other runs, and is in this one.
func TestRacyFiles(t *testing.T) {
	w := newWorkspace(t, "f")
	c := w.open(settled - time.Hour) // the file is from the future
	was := w.stamp("f")
	want, err := w.ask(c, "f", was)
	if err != nil {
		t.Fatal(err)
	}
	w.save(c)
	if _, err := os.Stat(w.path); err == nil {
		t.Error("a file that has not settled is remembered")
	}
	if err := os.Remove(filepath.Join(w.dir, "f")); err != nil {
		t.Fatal(err)
	}
	if have, err := w.ask(c, "f", was); err != nil || have != want {
		t.Errorf("the file is read twice in one run: %x, %v", have, err)
	}
}

// TestFileServers: a clock that is minutes behind this machine's does not make
// a file that may yet be written look settled.
func TestFileServers(t *testing.T) {
	w := newWorkspace(t, "f")
	for ahead, want := range map[time.Duration]bool{time.Minute: false, time.Hour: true} {
		c := w.open(ahead)
		c.remote = func(int) bool { return true }
		if _, err := w.ask(c, "f", w.stamp("f")); err != nil {
			t.Fatal(err)
		}
		w.save(c)
		_, err := os.Stat(w.path)
		if have := err == nil; have != want {
			t.Errorf("%v old by this clock: remembered %v, want %v", ahead, have, want)
		}
		_ = os.Remove(w.path)
	}
	own, err := os.Open(filepath.Join(w.dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if isRemote(int(own.Fd())) {
		t.Error("this machine's own files are taken for a server's")
	}
	proc, err := os.Open("/proc/self/status") // any file system that is not known
	if err != nil {
		t.Fatal(err)
	}
	defer proc.Close()
	if !isRemote(int(proc.Fd())) {
		t.Error("what is not known is taken for this machine's own")
	}
}

// TestChangedMeanwhile: what was there before the file is read must be there
// afterwards.
func TestChangedMeanwhile(t *testing.T) {
	w := newWorkspace(t, "f")
	was := w.stamp("f")
	w.write("f", "something longer than before")
	if _, err := w.ask(w.open(time.Hour), "f", was); err == nil {
		t.Error("a change of size went unseen")
	}
	if err := os.Remove(filepath.Join(w.dir, "f")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(w.dir, "f")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ask(w.open(time.Hour), "f", was); err == nil {
		t.Error("a symlink was followed")
	}
}

// TestForgotten: a record is kept for a while after its file was asked for
// last, and the file does not grow with what is gone.
func TestForgotten(t *testing.T) {
	w := newWorkspace(t, "a", "b", "c", "d", "e")
	c := w.open(time.Hour)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, err := w.ask(c, name, w.stamp(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.save(c)
	w.write("a", "new")
	c = w.open(time.Hour)
	for _, name := range []string{"a", "b"} {
		if _, err := w.ask(c, name, w.stamp(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.save(c)
	c = w.open(time.Hour)
	c.read()
	var have []string
	for _, r := range c.known {
		have = append(have, r.path)
	}
	if !slices.Equal(have, []string{"a", "b", "c", "d"}) {
		t.Errorf("remembered are %q", have)
	}
}

// TestRecords: what is written can be read, in any order of asking.
func TestRecords(t *testing.T) {
	var records []record
	for i, name := range []string{"a", "a/b", "a/b/c", "a.txt", "a\xff\n", "b", "../outside/f"} {
		records = append(records, record{name, fingerprint{int64(i), -int64(i), math.MaxInt64, math.MaxUint64}, digest{byte(i)}})
	}
	slices.SortFunc(records, func(a, b record) int { return comparePaths(a.path, b.path) })
	have, ok := decodeRecords(encodeRecords("/root", records), "/root")
	if !ok || !slices.Equal(have, records) {
		t.Fatalf("%v became %v", records, have)
	}
	if _, ok := decodeRecords(encodeRecords("/root", records), "/other"); ok {
		t.Error("another workspace's records count")
	}
	c := &cache{known: records}
	for hint := range len(records) + 2 {
		for i, r := range records {
			if at, found := c.find(r.path, hint); !found || at != i {
				t.Errorf("%q is at %d, %v, want %d with the hint %d", r.path, at, found, i, hint)
			}
		}
		if _, found := c.find("a/c", hint); found {
			t.Error("found what is not there")
		}
	}
}

// TestDamage: of a file that has been cut off, lengthened or altered anywhere
// nothing is believed.
func TestDamage(t *testing.T) {
	whole := encodeRecords("/root", []record{{"a", fingerprint{1, 2, 3, 4}, digest{5}}, {"b", fingerprint{6, 7, 8, 9}, digest{10}}})
	for i := range whole {
		if _, ok := decodeRecords(whole[:i], "/root"); ok {
			t.Errorf("the first %d bytes are believed", i)
		}
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		if _, ok := decodeRecords(damaged, "/root"); ok {
			t.Errorf("believed with another byte %d", i)
		}
	}
	if _, ok := decodeRecords(append(slices.Clone(whole), 0), "/root"); ok {
		t.Error("believed with one byte more")
	}
}

// FuzzRecords: no content makes it fail otherwise than by being no cache.
func FuzzRecords(f *testing.F) {
	f.Add([]byte(cacheMagic))
	f.Add(encodeRecords("/root", []record{{"a", fingerprint{1, 2, 3, 4}, digest{5}}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		if records, ok := decodeRecords(content, "/root"); ok {
			if again, ok := decodeRecords(encodeRecords("/root", records), "/root"); !ok || !slices.Equal(again, records) {
				t.Errorf("%v became %v", records, again)
			}
		}
	})
}

// TestSharedCache: of runs that save at once one wins, whole, and a reader
// never sees another's half.
func TestSharedCache(t *testing.T) {
	w := newWorkspace(t)
	var names []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("f%02d", i))
		w.write(names[i], names[i])
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 10 {
				c := w.open(time.Hour)
				for _, name := range names[i:] {
					if _, err := w.ask(c, name, w.stamp(name)); err != nil {
						t.Error(err)
					}
				}
				c.add("new", addition{fingerprint: fingerprint{inode: uint64(i)}})
				if err := c.save(); err != nil {
					t.Error(err)
				}
				content, err := os.ReadFile(w.path)
				if _, ok := decodeRecords(content, w.dir); !ok || err != nil {
					t.Errorf("damaged: %v", err)
				}
			}
		})
	}
	wait.Wait()
	left, err := os.ReadDir(filepath.Dir(w.path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v beside the cache, %v", left, err)
	}
}

// TestUnwritableCache: that digests cannot be saved is said, and what was there
// stays.
func TestUnwritableCache(t *testing.T) {
	w := newWorkspace(t, "f")
	w.path = filepath.Join(w.dir, "f", "cache") // below a file
	c := w.open(time.Hour)
	if _, err := w.ask(c, "f", w.stamp("f")); err != nil {
		t.Fatal(err)
	}
	if err := c.save(); err == nil {
		t.Error("saved below a file")
	}
}
