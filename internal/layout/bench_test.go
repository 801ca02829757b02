package layout_test

import (
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
)

// fill puts n references of two platforms into a store, as a first run does.
func fill(b *testing.B, s *layout.Store, n int) {
	b.Helper()
	var g errgroup.Group
	g.SetLimit(8)
	for i := range n {
		for _, platform := range platforms {
			g.Go(func() error {
				result, err := fake.WriteImage(b.Context(), blobs{s}, fake.ImageSpec{Platform: platform, Layers: []string{"shared", fmt.Sprint(i)}})
				if err != nil {
					return err
				}
				return s.PutNode(b.Context(), executor.NodeEntry{
					Ref: benchRef(i), Hash: hash, Platform: platform, Platforms: platforms, BuildResult: *result,
				})
			})
		}
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

func benchRef(i int) string { return fmt.Sprintf("registry.test/acme/app%d:1", i) }

func benchOpen(b *testing.B) *layout.Store {
	b.Helper()
	s, err := layout.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// BenchmarkFirstRun writes 100 packages of two platforms, eight at a time.
func BenchmarkFirstRun(b *testing.B) {
	for b.Loop() {
		fill(b, benchOpen(b), 100)
	}
}

// BenchmarkLookup looks up one of 1,000 references of two platforms.
func BenchmarkLookup(b *testing.B) {
	s := benchOpen(b)
	fill(b, s, 1000)
	i := 0
	for b.Loop() {
		i++
		if image, err := s.Lookup(b.Context(), benchRef(i%1000)); err != nil || len(image.Manifests) != 2 {
			b.Fatal(image, err)
		}
	}
}

// BenchmarkPutNodeAgain puts what is there already.
func BenchmarkPutNodeAgain(b *testing.B) {
	s := benchOpen(b)
	fill(b, s, 1000)
	result, err := fake.WriteImage(b.Context(), blobs{s}, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"shared", "7"}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.PutNode(b.Context(), executor.NodeEntry{
			Ref: benchRef(7), Hash: hash, Platform: "linux/amd64", Platforms: platforms, BuildResult: *result,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPutNodeAmongMany puts new references beside thousands.
func BenchmarkPutNodeAmongMany(b *testing.B) {
	s := benchOpen(b)
	const many = 5000
	fill(b, s, many)
	result, err := fake.WriteImage(b.Context(), blobs{s}, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"shared", "7"}})
	if err != nil {
		b.Fatal(err)
	}
	i := many
	for b.Loop() {
		i++
		err := s.PutNode(b.Context(), executor.NodeEntry{
			Ref: benchRef(i), Hash: hash, Platform: "linux/amd64", Platforms: platforms, BuildResult: *result,
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
