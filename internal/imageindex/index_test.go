package imageindex_test

import (
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

func image(name string) ocispec.Descriptor {
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(name), Size: int64(len(name))}
}

func attestation(name string, about ocispec.Descriptor) ocispec.Descriptor {
	d := image(name)
	d.Platform = &ocispec.Platform{OS: "unknown", Architecture: "unknown"}
	d.Annotations = map[string]string{
		imageindex.AnnotationReferenceType:   imageindex.ReferenceTypeAttestation,
		imageindex.AnnotationReferenceDigest: about.Digest.String(),
	}
	return d
}

func platform(t *testing.T, s string) ocispec.Platform {
	t.Helper()
	p, err := imageindex.ParsePlatform(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// names says what stands where: the platform of images, att of attestations.
func names(idx *ocispec.Index) string {
	var out []string
	for _, d := range idx.Manifests {
		if imageindex.IsAttestation(d) {
			out = append(out, "att")
			continue
		}
		out = append(out, imageindex.FormatPlatform(d.Platform))
	}
	return strings.Join(out, " ")
}

func TestParsePlatform(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "linux/amd64", "linux/arm64/v8": "linux/arm64", "linux/aarch64": "linux/arm64",
		"linux/arm": "linux/arm/v7", "linux/arm/v6": "linux/arm/v6", "linux/x86_64": "linux/amd64",
	} {
		p := platform(t, in)
		if got := imageindex.FormatPlatform(&p); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	for _, in := range []string{"", "linux", "amd64", "linux/arm/v7/x", "l!nux/amd64"} {
		if _, err := imageindex.ParsePlatform(in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func TestArchTag(t *testing.T) {
	for in, want := range map[string]string{
		"linux/amd64": "amd64", "linux/arm64/v8": "arm64", "linux/arm/v7": "arm-v7", "windows/amd64": "windows-amd64",
	} {
		if got := imageindex.ArchTag(platform(t, in)); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
}

func TestPutReplacesAPlatformWithItsAttestations(t *testing.T) {
	idx := imageindex.New()
	old, arm, fresh := image("old"), image("arm"), image("fresh")
	imageindex.Put(idx, platform(t, "linux/amd64"), old, []ocispec.Descriptor{attestation("old about", old)})
	imageindex.Put(idx, platform(t, "linux/arm64"), arm, []ocispec.Descriptor{attestation("arm about", arm)})
	imageindex.Put(idx, platform(t, "linux/amd64"), fresh, []ocispec.Descriptor{attestation("fresh about", fresh)})
	imageindex.Sort(idx, []string{"linux/amd64", "linux/arm64"})

	if got, want := names(idx), "linux/amd64 linux/arm64 att att"; got != want {
		t.Fatalf("index has %s, want %s", got, want)
	}
	if got, _ := imageindex.Find(idx, "linux/amd64"); got.Digest != fresh.Digest {
		t.Errorf("linux/amd64 is %s, want %s", got.Digest, fresh.Digest)
	}
	if got := imageindex.Attestations(idx, old.Digest); len(got) != 0 {
		t.Errorf("attestations about the replaced image stayed: %v", got)
	}
	if got := idx.Manifests[2].Annotations[imageindex.AnnotationReferenceDigest]; got != fresh.Digest.String() {
		t.Errorf("the first attestation is about %s, want %s", got, fresh.Digest)
	}
}

func TestPutKeepsAnotherPlatformOfTheSameManifest(t *testing.T) {
	idx := imageindex.New()
	same := image("same")
	imageindex.Put(idx, platform(t, "linux/amd64"), same, nil)
	imageindex.Put(idx, platform(t, "linux/arm64"), same, []ocispec.Descriptor{attestation("about", same)})
	imageindex.Put(idx, platform(t, "linux/arm64"), same, []ocispec.Descriptor{attestation("about", same)})
	imageindex.Sort(idx, nil)
	if got, want := names(idx), "linux/amd64 linux/arm64 att"; got != want {
		t.Errorf("index has %s, want %s", got, want)
	}
}

func TestPutDropsWhatDependsOnTheExport(t *testing.T) {
	idx := imageindex.New()
	d := image("x")
	d.Annotations = map[string]string{ocispec.AnnotationCreated: "2026-01-01T00:00:00Z", "config.digest": "sha256:1", "kept": "yes"}
	imageindex.Put(idx, platform(t, "linux/amd64"), d, nil)
	if got := idx.Manifests[0].Annotations; len(got) != 1 || got["kept"] != "yes" {
		t.Errorf("annotations are %v, want only kept", got)
	}
}

func TestSort(t *testing.T) {
	idx := imageindex.New()
	for _, p := range []string{"linux/s390x", "linux/amd64", "linux/arm64", "linux/386"} {
		d := image(p)
		imageindex.Put(idx, platform(t, p), d, []ocispec.Descriptor{attestation(p+" about", d)})
	}
	imageindex.Sort(idx, []string{"linux/arm64", "linux/amd64"})
	if got, want := names(idx), "linux/arm64 linux/amd64 linux/386 linux/s390x att att att att"; got != want {
		t.Fatalf("index has %s, want %s", got, want)
	}
	for i := range 4 {
		if got := idx.Manifests[4+i].Annotations[imageindex.AnnotationReferenceDigest]; got != idx.Manifests[i].Digest.String() {
			t.Errorf("attestation %d is about %s, want the image %s", i, got, idx.Manifests[i].Digest)
		}
	}
}

func TestParse(t *testing.T) {
	data, desc, err := imageindex.Marshal(imageindex.New())
	if err != nil {
		t.Fatal(err)
	}
	if desc.Size != int64(len(data)) || desc.Digest != digest.FromBytes(data) {
		t.Errorf("descriptor %v does not fit the bytes", desc)
	}
	if _, err := imageindex.Parse(data); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{", "[]", "{}", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`} {
		if _, err := imageindex.Parse([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
