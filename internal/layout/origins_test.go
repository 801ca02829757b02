package layout_test

import (
	"encoding/json"
	"slices"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// TestOrigins: of the images that have a layer, those that others are built on
// come first, and those with more layers than asked for are left out. Damaged
// ones are no trouble.
func TestOrigins(t *testing.T) {
	s := open(t, t.TempDir())
	add := func(ref string, layers ...string) executor.BuildResult {
		t.Helper()
		result, err := fake.WriteImage(t.Context(), blobs{s}, fake.ImageSpec{Platform: "linux/amd64", Layers: layers})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: "h", Platform: "linux/amd64", BuildResult: *result}); err != nil {
			t.Fatal(err)
		}
		return *result
	}
	base := add("r.test/z-base:1", "one")
	add("r.test/app:1", "one", "two")
	add("r.test/a-deep:1", "one", "two", "three")
	lost := add("r.test/lost:1", "one", "four")
	blobs{s}.RemoveBlob(lost.Manifest.Digest)
	data, err := blobs{s}.ReadBlob(t.Context(), base.Manifest.Digest)
	if err != nil {
		t.Fatal(err)
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	layer := manifest.Layers[0].Digest
	for limit, want := range [][]string{nil, {"r.test/z-base:1"}, {"r.test/z-base:1", "r.test/app:1"}, {"r.test/z-base:1", "r.test/app:1", "r.test/a-deep:1"}} {
		got, err := s.Origins(t.Context(), layer, limit)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("with at most %d layers: %v, %v; want %v", limit, got, err, want)
		}
	}
	if got, err := s.Origins(t.Context(), "sha256:none", 9); err != nil || got != nil {
		t.Errorf("of a layer that no image has: %v, %v", got, err)
	}
}
