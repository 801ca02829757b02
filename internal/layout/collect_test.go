package layout_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
)

// with calls fn with a store that is closed afterwards, so that nobody uses
// what it has seen.
func with(t *testing.T, dir string, fn func(*layout.Store)) {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	fn(s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// remove removes images.
func remove(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	with(t, dir, func(s *layout.Store) {
		if _, err := s.Remove(t.Context(), patterns); err != nil {
			t.Error(err)
		}
	})
}

// putAs is put of an image that text tells from others, by a store that is
// closed afterwards, so that nobody uses it.
func putAs(t *testing.T, dir, ref, platform, text string) executor.BuildResult {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	result, err := fake.WriteImage(t.Context(), blobs{s}, fake.ImageSpec{
		Platform: platform, Layers: []string{"shared", text}, Attestation: "of " + text,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hash, Platform: platform, Platforms: platforms, BuildResult: *result})
	if err != nil {
		t.Fatal(err)
	}
	return *result
}

// attachTo attaches an artifact to what is under ref.
func attachTo(t *testing.T, dir, ref string) {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	desc, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Attach(t.Context(), ref, desc, "application/vnd.test", []byte("about "+ref)); err != nil {
		t.Fatal(err)
	}
}

// collect collects, and wants a dry run to have said before what is removed.
func collect(t *testing.T, dir string, opts layout.CollectOptions) *layout.Collected {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dry := opts
	dry.DryRun = true
	said, err := s.Collect(t.Context(), dry)
	if err != nil {
		t.Fatal(err)
	}
	did, err := s.Collect(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	with(t, dir, func(s *layout.Store) { wantClean(t, s) })
	said.DryRun = false
	if got, want := fmt.Sprintf("%+v", *did), fmt.Sprintf("%+v", *said); got != want {
		t.Errorf("collected %s\nwhen dry: %s", got, want)
	}
	var left int64
	for _, name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, "blobs/sha256", name))
		if err != nil {
			t.Fatal(err)
		}
		left += info.Size()
	}
	if did.Left != left {
		t.Errorf("%d bytes are left, said to be %d", left, did.Left)
	}
	return did
}

// files are the names of the blobs.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// wantRefs wants the store to list these references.
func wantRefs(t *testing.T, dir string, want ...string) {
	t.Helper()
	with(t, dir, func(s *layout.Store) {
		got, err := s.Match(t.Context(), []string{"*"})
		if err != nil && len(want) > 0 || !slices.Equal(got, want) {
			t.Errorf("the store has %v, %v; want %v", got, err, want)
		}
	})
}

// age makes the image under ref one that was used last so long ago.
func age(t *testing.T, dir, ref string, ago time.Duration) {
	t.Helper()
	s, err := layout.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	desc, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-ago)
	if err := os.Chtimes(blobs{s}.path(desc.Digest), then, then); err != nil {
		t.Fatal(err)
	}
}

func TestCollectRemovesWhatNothingRefersTo(t *testing.T) {
	dir := t.TempDir()
	putAs(t, dir, "r.test/a:1", "linux/amd64", "one")
	attachTo(t, dir, "r.test/a:1")
	before := files(t, dir)
	if got := collect(t, dir, layout.CollectOptions{}); got.Blobs != 0 || got.Artifacts != 0 {
		t.Errorf("collected %+v of a store without garbage", got)
	}
	// Another platform: the old index goes, and what was about it.
	putAs(t, dir, "r.test/a:1", "linux/arm64", "two")
	got := collect(t, dir, layout.CollectOptions{})
	if got.Artifacts != 1 || len(got.Images) != 0 || got.Blobs != 4 {
		t.Errorf("collected %+v; want the index before, the list about it, its artifact's manifest and content", got)
	}
	wantRefs(t, dir, "r.test/a:1")
	remove(t, dir, "r.test/a:*")
	if got := collect(t, dir, layout.CollectOptions{}); got.Left != 0 || len(files(t, dir)) != 0 {
		t.Errorf("collected %+v, left %v of %v", got, files(t, dir), before)
	}
}

func TestCollectByAge(t *testing.T) {
	dir := t.TempDir()
	for i, ref := range []string{"r.test/a:1", "r.test/a:2", "r.test/b:1"} {
		putAs(t, dir, ref, "linux/amd64", ref)
		attachTo(t, dir, ref)
		age(t, dir, ref, time.Duration(i+1)*24*time.Hour)
	}
	if got := collect(t, dir, layout.CollectOptions{OlderThan: 96 * time.Hour}); len(got.Images) != 0 {
		t.Errorf("collected %+v", got)
	}
	got := collect(t, dir, layout.CollectOptions{OlderThan: 36 * time.Hour, KeepLast: 1})
	if len(got.Images) != 1 || got.Images[0].Ref != "r.test/a:2" || got.Images[0].Why != layout.WhyAge || got.Artifacts != 1 {
		t.Errorf("collected %+v", got)
	}
	wantRefs(t, dir, "r.test/a:1", "r.test/b:1")

	// What is looked up is of use.
	with(t, dir, func(s *layout.Store) {
		if _, err := s.Lookup(t.Context(), "r.test/b:1"); err != nil {
			t.Error(err)
		}
	})
	collect(t, dir, layout.CollectOptions{OlderThan: 12 * time.Hour})
	wantRefs(t, dir, "r.test/b:1")
}

func TestCollectByCount(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		for _, repository := range []string{"r.test/a", "r.test/b"} {
			ref := fmt.Sprintf("%s:%d", repository, i)
			putAs(t, dir, ref, "linux/amd64", ref)
			age(t, dir, ref, time.Duration(10-i)*time.Hour)
		}
	}
	got := collect(t, dir, layout.CollectOptions{KeepLast: 2})
	if len(got.Images) != 4 || got.Images[0].Why != layout.WhyCount {
		t.Errorf("collected %+v", got)
	}
	wantRefs(t, dir, "r.test/a:2", "r.test/a:3", "r.test/b:2", "r.test/b:3")
}

func TestCollectBySize(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		ref := fmt.Sprintf("r.test/a:%d", i)
		putAs(t, dir, ref, "linux/amd64", strings.Repeat(fmt.Sprint(i), 10_000))
		age(t, dir, ref, time.Duration(10-i)*time.Hour)
	}
	// The same image under two names takes its space once.
	putAs(t, dir, "r.test/b:1", "linux/amd64", strings.Repeat("3", 10_000))
	all := collect(t, dir, layout.CollectOptions{}).Left
	got := collect(t, dir, layout.CollectOptions{MaxSize: all - 1})
	if len(got.Images) != 1 || got.Images[0].Ref != "r.test/a:0" || got.Images[0].Why != layout.WhySize || got.Left >= all {
		t.Errorf("collected %+v of %d", got, all)
	}
	got = collect(t, dir, layout.CollectOptions{MaxSize: 30_000, KeepLast: 1})
	if got.Left > 30_000 {
		t.Errorf("%d bytes are left, want 30000: %+v", got.Left, got)
	}
	wantRefs(t, dir, "r.test/a:3", "r.test/b:1")
	if got = collect(t, dir, layout.CollectOptions{MaxSize: 1, KeepLast: 1}); len(got.Images) != 0 {
		t.Errorf("collected %+v, want the last of each repository kept", got)
	}
	collect(t, dir, layout.CollectOptions{MaxSize: 1})
	wantRefs(t, dir)
}

func TestCollectRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, path := range []string{"ingest/1", "ingest/2", "blobs/sha256/notes"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ingest/1.lease"), []byte("blob x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := s.Collect(t.Context(), layout.CollectOptions{})
	if err != nil || got.Leftovers != 2 {
		t.Errorf("collected %+v, %v", got, err)
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestCollectKeepsOtherToolsEntries(t *testing.T) {
	dir := t.TempDir()
	image := putAs(t, dir, ref, "linux/arm64", "one")
	text := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		image.Manifest.MediaType, image.Manifest.Digest, image.Manifest.Size)
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got := collect(t, dir, layout.CollectOptions{OlderThan: 1, KeepLast: 1, MaxSize: 1})
	if got.Blobs != 4 { // the index, and the attestation with its config and content
		t.Errorf("collected %+v", got)
	}
}

func TestCollectWhenManifestsAreLost(t *testing.T) {
	dir := t.TempDir()
	image := putAs(t, dir, "r.test/a:1", "linux/amd64", "one")
	putAs(t, dir, "r.test/b:1", "linux/amd64", "two")
	with(t, dir, func(s *layout.Store) {
		blobs{s}.RemoveBlob(image.Manifest.Digest)
		if got, err := s.Collect(t.Context(), layout.CollectOptions{}); err != nil || got.Blobs == 0 {
			t.Errorf("collected %+v, %v", got, err)
		}
	})
	image = putAs(t, dir, "r.test/a:1", "linux/amd64", "one")
	with(t, dir, func(s *layout.Store) { wantClean(t, s) })
}

func TestCollectSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(t.Context(), layout.CollectOptions{}); !errors.Is(err, layout.ErrCorrupt) {
		t.Errorf("collecting a store without index.json gives %v", err)
	}
}
