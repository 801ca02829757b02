package layout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/internal/layout"
)

const base = "registry.test/base:1"

// foreign writes an index as another tool would, compact and with words of its
// own, the images for only some of its platforms, and returns its descriptor.
func foreign(t *testing.T, s *layout.Store, platforms []string, written ...string) ocispec.Descriptor {
	t.Helper()
	idx := imageindex.New()
	for _, p := range platforms {
		to := fake.BlobWriter(catch(func(ocispec.Descriptor) {}))
		for _, w := range written {
			if w == p {
				to = blobs{s}
			}
		}
		image, err := fake.WriteImage(t.Context(), to, fake.ImageSpec{Platform: p, Layers: []string{p}, Attestation: "about " + p})
		if err != nil {
			t.Fatal(err)
		}
		platform, err := imageindex.ParsePlatform(p)
		if err != nil {
			t.Fatal(err)
		}
		imageindex.Put(idx, platform, image.Manifest, image.Attestations)
	}
	idx.Annotations = map[string]string{"maker": "another tool"}
	data, err := json.Marshal(idx)
	if err != nil {
		t.Fatal(err)
	}
	desc := ocispec.Descriptor{MediaType: idx.MediaType, Digest: digest.FromBytes(data), Size: int64(len(data))}
	if err := (blobs{s}).WriteBlob(t.Context(), desc, data); err != nil && !errdefs.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	return desc
}

// wantHeld checks what a store has under base, and that this is sound.
func wantHeld(t *testing.T, s *layout.Store, desc ocispec.Descriptor, platforms ...string) {
	t.Helper()
	image, err := s.Lookup(t.Context(), base)
	if err != nil || image == nil {
		t.Fatal(image, err)
	}
	if image.Digest != desc.Digest.String() {
		t.Errorf("the store has %s, want %s", image.Digest, desc.Digest)
	}
	var have []string
	for _, p := range []string{"linux/386", "linux/amd64", "linux/arm64"} {
		if _, ok := image.Manifests[p]; ok {
			have = append(have, p)
		}
	}
	if !reflect.DeepEqual(have, platforms) || len(image.Damaged) > 0 {
		t.Errorf("the store has %v, damaged %v, want %v", have, image.Damaged, platforms)
	}
	if problems, err := s.Verify(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	entries, err := s.List(t.Context())
	if err != nil || len(entries) != 1 || len(entries[0].Platforms) != len(platforms) {
		t.Errorf("list: %+v, %v; want platforms %v", entries, err, platforms)
	}
}

var three = []string{"linux/amd64", "linux/arm64", "linux/386"}

func TestPutImageWhole(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	desc := foreign(t, s, three, three...)
	if err := s.PutImage(t.Context(), base, desc, nil); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, s, desc, "linux/386", "linux/amd64", "linux/arm64")
	wantHeld(t, open(t, dir), desc, "linux/386", "linux/amd64", "linux/arm64")
}

// Some platforms are enough, more may follow, and another index begins anew.
func TestPutImageInParts(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put := func(desc ocispec.Descriptor, platforms ...string) {
		t.Helper()
		if err := s.PutImage(t.Context(), base, desc, platforms); err != nil {
			t.Fatal(err)
		}
	}
	desc := foreign(t, s, three, "linux/amd64")
	put(desc, "linux/amd64")
	wantHeld(t, s, desc, "linux/amd64")
	wantHeld(t, open(t, dir), desc, "linux/amd64")

	foreign(t, s, three, "linux/arm64")
	put(desc, "linux/arm64/v8", "linux/arm64")
	wantHeld(t, s, desc, "linux/amd64", "linux/arm64")

	foreign(t, s, three, "linux/386")
	put(desc)
	wantHeld(t, s, desc, "linux/386", "linux/amd64", "linux/arm64")
	put(desc, "linux/amd64")
	wantHeld(t, s, desc, "linux/386", "linux/amd64", "linux/arm64")

	moved := foreign(t, s, three[:2], "linux/amd64")
	put(moved, "linux/amd64")
	wantHeld(t, s, moved, "linux/amd64")
}

// What the store is to have of an image, and has not, is damage.
func TestPutImageIsVerified(t *testing.T) {
	s := open(t, t.TempDir())
	desc := foreign(t, s, three, "linux/amd64", "linux/arm64")
	if err := s.PutImage(t.Context(), base, desc, []string{"linux/amd64", "linux/arm64"}); err != nil {
		t.Fatal(err)
	}
	image, err := s.Lookup(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	blobs{s}.RemoveBlob(image.Manifests["linux/arm64"].Digest)
	if image, err = s.Lookup(t.Context(), base); err != nil || !reflect.DeepEqual(image.Damaged, []string{"linux/arm64"}) {
		t.Errorf("damaged: %v, %v; want linux/arm64", image.Damaged, err)
	}
	problems, err := s.Verify(t.Context())
	if err != nil || len(problems) != 1 || problems[0].Fault != layout.FaultMissing || problems[0].Platform != "linux/arm64" {
		t.Errorf("problems: %v, %v; want one about linux/arm64", problems, err)
	}
}

func TestPutImageNeedsWhatItPuts(t *testing.T) {
	s := open(t, t.TempDir())
	desc := foreign(t, s, three, "linux/amd64")
	other := desc
	other.Digest = digest.FromString("another")
	for what, err := range map[string]error{
		"a platform that is not there": s.PutImage(t.Context(), base, desc, []string{"linux/arm64"}),
		"all platforms":                s.PutImage(t.Context(), base, desc, nil),
		"a platform it has not":        s.PutImage(t.Context(), base, desc, []string{"linux/s390x"}),
		"an index that is not there":   s.PutImage(t.Context(), base, other, nil),
	} {
		if !errors.Is(err, errdefs.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if entries, err := s.List(t.Context()); err != nil || len(entries) > 0 {
		t.Errorf("refused images are in the store: %v, %v", entries, err)
	}
}

func TestPutImageOfOneManifest(t *testing.T) {
	s := open(t, t.TempDir())
	image, err := fake.WriteImage(t.Context(), blobs{s}, fake.ImageSpec{Platform: "linux/arm64", Layers: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutImage(t.Context(), base, image.Manifest, []string{"linux/arm64"}); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, s, image.Manifest, "linux/arm64")
}

// A build under the reference of such an image goes on with what is there of
// it, which is then an index of the store's own making.
func TestPutNodeOverImage(t *testing.T) {
	s := open(t, t.TempDir())
	desc := foreign(t, s, three, "linux/amd64")
	if err := s.PutImage(t.Context(), base, desc, []string{"linux/amd64"}); err != nil {
		t.Fatal(err)
	}
	image := put(t, s, base, "linux/arm64")
	found, err := s.Lookup(t.Context(), base)
	if err != nil || found.Manifests["linux/arm64"].Digest != image.Manifest.Digest || found.Digest == desc.Digest.String() {
		t.Errorf("the store has %+v, %v", found, err)
	}
	if problems, err := s.Verify(t.Context()); err != nil || len(problems) > 0 {
		t.Errorf("verify: %v, %v", problems, err)
	}
	if err := s.PutNode(t.Context(), executor.NodeEntry{Ref: base, Platform: "linux/arm64", BuildResult: image}); err != nil {
		t.Error(err)
	}
}

// TestImageIsAsItWas: the index is not written again in the store's form.
func TestImageIsAsItWas(t *testing.T) {
	s := open(t, t.TempDir())
	desc := foreign(t, s, three, "linux/amd64")
	if err := s.PutImage(t.Context(), base, desc, []string{"linux/amd64"}); err != nil {
		t.Fatal(err)
	}
	data, err := blobs{s}.ReadBlob(t.Context(), desc.Digest)
	if err != nil || !bytes.Contains(data, []byte("linux")) || digest.FromBytes(data) != desc.Digest {
		t.Errorf("the index is %s, %v", data, err)
	}
}
