package layout_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
)

const (
	ref  = "localhost:5000/acme/app:v1"
	hash = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
)

var platforms = []string{"linux/amd64", "linux/arm64"}

// put adds an image with an attestation for the platform.
func put(t *testing.T, s *layout.Store, ref, platform string) executor.BuildResult {
	t.Helper()
	result, err := fake.WriteImage(t.Context(), blobs{s}, fake.ImageSpec{
		Platform: platform, Layers: []string{"shared", "for " + platform}, Attestation: "of " + platform,
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

// problems verifies the store.
func problems(t *testing.T, s *layout.Store) []layout.Problem {
	t.Helper()
	found, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func wantClean(t *testing.T, s *layout.Store) {
	t.Helper()
	for _, p := range problems(t, s) {
		t.Errorf("problem: %s", p)
	}
}

func layer(text string) digest.Digest {
	var d digest.Digest
	_, _ = fake.WriteImage(context.Background(), catch(func(desc ocispec.Descriptor) {
		if desc.MediaType == ocispec.MediaTypeImageLayer {
			d = desc.Digest
		}
	}), fake.ImageSpec{Platform: "linux/amd64", Layers: []string{text}})
	return d
}

func TestVerifyFindsDamage(t *testing.T) {
	tests := map[string]struct {
		damage func(t *testing.T, s *layout.Store, amd, arm executor.BuildResult)
		want   []layout.Problem
	}{
		"missing layer": {
			func(t *testing.T, s *layout.Store, _, _ executor.BuildResult) {
				blobs{s}.RemoveBlob(layer("for linux/arm64"))
			},
			[]layout.Problem{{Fault: layout.FaultMissing, Platform: "linux/arm64", Digest: layer("for linux/arm64")}},
		},
		"truncated layer of both": {
			func(t *testing.T, s *layout.Store, _, _ executor.BuildResult) {
				truncate(t, blobs{s}.path(layer("shared")), 10)
			},
			[]layout.Problem{
				{Fault: layout.FaultSize, Platform: "linux/amd64", Digest: layer("shared")},
				{Fault: layout.FaultSize, Platform: "linux/arm64", Digest: layer("shared")},
			},
		},
		"flipped byte": {
			func(t *testing.T, s *layout.Store, _, _ executor.BuildResult) {
				flip(t, blobs{s}.path(layer("for linux/amd64")))
			},
			[]layout.Problem{{Fault: layout.FaultContent, Platform: "linux/amd64", Digest: layer("for linux/amd64")}},
		},
		"missing attestation's config": {
			func(t *testing.T, s *layout.Store, _, _ executor.BuildResult) {
				blobs{s}.RemoveBlob(digest.FromString("{}"))
			},
			[]layout.Problem{
				{Fault: layout.FaultMissing, Platform: "linux/amd64", Digest: digest.FromString("{}")},
				{Fault: layout.FaultMissing, Platform: "linux/arm64", Digest: digest.FromString("{}")},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			amd, arm := put(t, s, ref, "linux/amd64"), put(t, s, ref, "linux/arm64")
			wantClean(t, s)
			test.damage(t, s, amd, arm)
			for again := range 2 { // what is found must not hide it the next time
				got := problems(t, s)
				for i := range test.want {
					if again == 1 && test.want[i].Fault == layout.FaultContent {
						test.want[i].Fault = layout.FaultSize // it has been emptied
					}
				}
				for i := range got {
					if !strings.Contains(got[i].String(), got[i].Digest.String()) || !strings.HasPrefix(got[i].String(), ref+": "+got[i].Platform) {
						t.Errorf("the text does not say what and where: %s", got[i])
					}
					got[i].What = ""
				}
				for i := range test.want {
					test.want[i].Ref = ref
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("problems are %+v, want %+v", got, test.want)
				}
			}
			var damaged []string
			for _, p := range test.want {
				damaged = append(damaged, p.Platform)
			}
			if image, err := s.Lookup(t.Context(), ref); err != nil || !slices.Equal(image.Damaged, damaged) {
				t.Errorf("the store has %+v, %v; want %v damaged", image, err, damaged)
			}
			put(t, s, ref, "linux/amd64")
			put(t, s, ref, "linux/arm64")
			wantClean(t, s)
			image, err := s.Lookup(t.Context(), ref)
			if err != nil || len(image.Manifests) != 2 || len(image.Damaged) != 0 {
				t.Errorf("after building again the store has %+v, %v", image, err)
			}
		})
	}
}

// TestWrongContentIsHealedByAnother: what one process has found, the next one
// builds again and replaces.
func TestWrongContentIsHealedByAnother(t *testing.T) {
	for name, find := range map[string]func(*layout.Store) error{
		"verify": func(s *layout.Store) error {
			_, err := s.Verify(t.Context())
			return err
		},
		"export": func(s *layout.Store) error {
			_, err := s.Export(t.Context(), io.Discard, []string{ref}, layout.ExportOptions{Format: layout.FormatOCI})
			if err == nil || !strings.Contains(err.Error(), "has content") {
				return fmt.Errorf("the export ends with %w", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			put(t, s, ref, "linux/amd64")
			flip(t, blobs{s}.path(layer("for linux/amd64")))
			if err := errors.Join(find(s), s.Close()); err != nil {
				t.Fatal(err)
			}
			next := open(t, dir)
			if image, err := next.Lookup(t.Context(), ref); err != nil || !slices.Equal(image.Damaged, []string{"linux/amd64"}) {
				t.Errorf("another process has %+v, %v", image, err)
			}
			put(t, next, ref, "linux/amd64")
			wantClean(t, next)
		})
	}
}

// TestBlobWithoutContent: the one that has nothing in it is not damaged.
func TestBlobWithoutContent(t *testing.T) {
	s := open(t, t.TempDir())
	_, desc := blob("")
	if err := writer(t, s.Content(), "empty", desc).Commit(t.Context(), 0, desc.Digest); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Content().Info(t.Context(), desc.Digest); err != nil {
		t.Error(err)
	}
}

func TestLookupOfALostIndex(t *testing.T) {
	for what, damage := range map[string]func(t *testing.T, path string){
		"missing": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(t *testing.T, path string) { truncate(t, path, 5) },
		"garbled":   flip,
	} {
		t.Run(what, func(t *testing.T) {
			s := open(t, t.TempDir())
			put(t, s, ref, "linux/amd64")
			desc, err := s.Resolve(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, blobs{s}.path(desc.Digest))
			image, err := s.Lookup(t.Context(), ref)
			if err != nil || !image.Lost || image.Hash != hash || len(image.Manifests) != 0 {
				t.Errorf("the store has %+v, %v; want it lost", image, err)
			}
			put(t, s, ref, "linux/amd64")
			wantClean(t, s)
			if image, err = s.Lookup(t.Context(), ref); err != nil || image.Lost || len(image.Manifests) != 1 {
				t.Errorf("after building again the store has %+v, %v", image, err)
			}
		})
	}
}

func flip(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0xff
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// indexPath is the file of the index under ref.
func indexPath(t *testing.T, s *layout.Store) string {
	t.Helper()
	desc, err := s.Resolve(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return blobs{s}.path(desc.Digest)
}

func TestDamagedIndexHeals(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"missing":   func(t *testing.T, path string) { _ = os.Remove(path) },
		"truncated": func(t *testing.T, path string) { truncate(t, path, 40) },
		"empty":     func(t *testing.T, path string) { truncate(t, path, 0) },
		"garbage":   flip,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			put(t, s, ref, "linux/amd64")
			damage(t, indexPath(t, s))
			image, err := s.Lookup(t.Context(), ref)
			if err != nil || image == nil || len(image.Manifests) != 0 {
				t.Fatalf("got %+v, %v; want an image without platforms", image, err)
			}
			if got := problems(t, s); len(got) != 1 || got[0].Ref != ref {
				t.Errorf("problems are %v, want one about %s", got, ref)
			}
			entries, err := s.List(t.Context())
			if err != nil || len(entries) != 1 || len(entries[0].Platforms) != 0 {
				t.Errorf("listed %+v, %v", entries, err)
			}
			put(t, s, ref, "linux/amd64")
			wantClean(t, s)
		})
	}
}
