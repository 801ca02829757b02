package layout_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/planner"
)

// record records image as what a resolved hash, of digits, has made.
func record(t *testing.T, dir, repository, digit string, image executor.BuildResult) string {
	t.Helper()
	resolved := strings.Repeat(digit, 64)
	ref := planner.ResolvedRef(repository, resolved)
	with(t, dir, func(s *layout.Store) {
		err := s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: resolved, Platform: "linux/amd64", Platforms: platforms, BuildResult: image})
		if err != nil {
			t.Fatal(err)
		}
	})
	return ref
}

// wantRecord wants the record to be there, or not to be.
func wantRecord(t *testing.T, dir, ref string, want bool) {
	t.Helper()
	with(t, dir, func(s *layout.Store) {
		if image, err := s.Lookup(t.Context(), ref); err != nil || (image != nil) != want {
			t.Errorf("%s is %+v, %v; want it: %v", ref, image, err, want)
		}
	})
}

// TestRecordsLiveAsLongAsTheirImages: a record is no image, keeps none from
// being collected, and goes with its last one.
func TestRecordsLiveAsLongAsTheirImages(t *testing.T) {
	dir := t.TempDir()
	image := putAs(t, dir, "r.test/a:1", "linux/amd64", "one")
	first := record(t, dir, "r.test/a", "1", image)
	putAs(t, dir, "r.test/a:2", "linux/amd64", "one") // the same image under another tag
	other := record(t, dir, "r.test/b", "2", putAs(t, dir, "r.test/b:1", "linux/amd64", "two"))
	wantRefs(t, dir, "r.test/a:1", "r.test/a:2", "r.test/b:1")
	with(t, dir, func(s *layout.Store) {
		entries, err := s.List(t.Context())
		if err != nil || slices.ContainsFunc(entries, func(e layout.Entry) bool { return planner.IsResolvedRef(e.Ref) }) {
			t.Errorf("listed %+v, %v", entries, err)
		}
	})

	got := collect(t, dir, layout.CollectOptions{KeepLast: 1})
	if len(got.Images) != 1 || got.Images[0].Ref != "r.test/a:2" || got.Artifacts != 0 {
		t.Errorf("collected %+v", got)
	}
	wantRecord(t, dir, first, true)

	remove(t, dir, "r.test/a:1")
	if got := collect(t, dir, layout.CollectOptions{}); got.Artifacts != 1 {
		t.Errorf("collected %+v, want the record of what is gone", got)
	}
	wantRecord(t, dir, first, false)
	wantRecord(t, dir, other, true)

	if got := collect(t, dir, layout.CollectOptions{MaxSize: 1}); got.Left != 0 || len(got.Images) != 1 {
		t.Errorf("collected %+v, want all gone", got)
	}
	wantRecord(t, dir, other, false)
}

// TestVerifyReadsRecords: a record that is damaged is told.
func TestVerifyReadsRecords(t *testing.T) {
	dir := t.TempDir()
	ref := record(t, dir, "r.test/a", "1", putAs(t, dir, "r.test/a:1", "linux/amd64", "one"))
	with(t, dir, func(s *layout.Store) {
		desc, err := s.Resolve(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		blobs{s}.RemoveBlob(desc.Digest)
		problems, err := s.Verify(t.Context())
		if err != nil || len(problems) != 1 || problems[0].Ref != ref || problems[0].Fault != layout.FaultMissing {
			t.Errorf("found %+v, %v", problems, err)
		}
		if found, err := s.FindNode(t.Context(), ref, strings.Repeat("1", 64), "linux/amd64"); found != nil || err != nil {
			t.Errorf("found %+v, %v", found, err)
		}
	})
}
