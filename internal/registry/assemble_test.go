package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/internal/registry"
)

var many = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "linux/ppc64le", "linux/riscv64"}

// TestPlatformsFromManyMachines: machines that build one platform each and push
// at the same moment lose none of them.
func TestPlatformsFromManyMachines(t *testing.T) {
	host := distribution(t, "")
	for round := range 10 {
		ref := fmt.Sprintf("%s/acme/app:%d", host, round)
		var g errgroup.Group
		for _, platform := range many {
			m := machine(t, registry.Options{})
			put(t, m, ref, fake.ImageSpec{Platform: platform, Layers: []string{platform}, Attestation: "about " + platform})
			g.Go(func() error {
				_, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{Platforms: []string{platform}, All: many})
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		image, err := machine(t, registry.Options{}).Registry.Lookup(t.Context(), ref)
		if err != nil || len(image.Manifests) != len(many) {
			t.Fatalf("round %d: the index has %d platforms, %v", round, len(image.Manifests), err)
		}
		idx, err := imageindex.Parse(skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref))
		if err != nil || !slices.Equal(imageindex.Platforms(idx), many) {
			t.Fatalf("round %d: the order is %v, %v; want the package's", round, imageindex.Platforms(idx), err)
		}
	}
}

// TestAssemble puts an index together from what machines pushed without one.
func TestAssemble(t *testing.T) {
	host := distribution(t, "")
	ref := host + "/acme/app:1"
	r := machine(t, registry.Options{}).Registry.(*registry.Registry)
	for i, platform := range many[:3] {
		m := machine(t, registry.Options{})
		// The attestation is kept, although no index tells of it.
		put(t, m, ref, fake.ImageSpec{Platform: platform, Layers: []string{platform}, Attestation: []string{"", "about", "about"}[i]})
		if _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{Platforms: []string{platform}, NoIndex: true}); err != nil {
			t.Fatal(err)
		}
	}
	var missing *registry.MissingPlatformsError
	if _, err := r.Assemble(t.Context(), ref, hash, registry.Assembly{Platforms: many[:4]}); !errors.As(err, &missing) || !slices.Equal(missing.Platforms, []string{"linux/s390x"}) {
		t.Fatalf("with one missing: %v", err)
	}
	if image, err := r.Lookup(t.Context(), ref); err != nil || image != nil {
		t.Fatalf("an incomplete index was written: %v, %v", image, err)
	}
	order := []string{"linux/arm64", "linux/amd64", "linux/arm/v7"}
	first, err := r.Assemble(t.Context(), ref, hash, registry.Assembly{Platforms: order})
	if err != nil {
		t.Fatal(err)
	}
	idx, err := imageindex.Parse(skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref))
	if err != nil {
		t.Fatal(err)
	}
	if got := imageindex.Platforms(idx); !slices.Equal(got, order) {
		t.Errorf("platforms %v, want %v", got, order)
	}
	if len(idx.Manifests) != 5 {
		t.Errorf("%d entries, want three images and two attestations", len(idx.Manifests))
	}
	if image, err := r.Lookup(t.Context(), ref); err != nil || image.Hash != hash {
		t.Errorf("found %+v, %v", image, err)
	}
	if again, err := r.Assemble(t.Context(), ref, hash, registry.Assembly{Platforms: order}); err != nil || again.Digest != first.Digest {
		t.Errorf("again: %v, %v", again, err)
	}
}
