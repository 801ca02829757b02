package images_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/stowage-build/stowage/internal/bench/images"
	"github.com/stowage-build/stowage/internal/bench/services"
	"github.com/stowage-build/stowage/planner"
)

// TestOthersReadThem: what was written is valid for a library that knows
// nothing of how it came about, from the directory and from a real registry.
func TestOthersReadThem(t *testing.T) {
	registry, err := services.StartRegistry(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := registry.Stop(); err != nil {
			t.Error(err)
		}
	}()
	dir := filepath.Join(t.TempDir(), "store")
	to, err := images.NewLayout(dir)
	if err != nil {
		t.Fatal(err)
	}
	packages := []images.Package{
		{Name: "a", Ref: registry.Host + "/bench/a:1", Hash: "h1", Platforms: []string{"linux/amd64", "linux/arm64"}},
		{Name: "b", Ref: registry.Host + "/bench/b:2", Hash: "h2", Platforms: []string{"linux/amd64"}},
	}
	if err := images.Write(packages, to, images.Distribution(registry.Data)); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	for _, p := range packages {
		ref, err := name.ParseReference(p.Ref)
		if err != nil {
			t.Fatal(err)
		}
		index, err := remote.Index(ref)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Errorf("%s: %v", p.Ref, err)
		}
		m, err := index.IndexManifest()
		if err != nil || len(m.Manifests) != len(p.Platforms) || m.Annotations[planner.AnnotationHash] != p.Hash {
			t.Errorf("%s is %+v, %v", p.Ref, m, err)
		}
	}
	if got := registry.Traffic(); got.Requests == 0 || got.Sent == 0 || got.Received != 0 {
		t.Errorf("traffic %+v, want reads only", got)
	}
}
