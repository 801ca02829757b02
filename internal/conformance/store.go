package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Content is what the tests do to a store's blobs.
type Content interface {
	fake.BlobWriter
	ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error)
	// RemoveBlob makes the blob go missing, as damage does.
	RemoveBlob(dgst digest.Digest)
}

// StoreUnderTest is an empty store.
type StoreUnderTest struct {
	executor.Store
	Content Content
}

const (
	ref   = "registry.test/acme/app:1"
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

var both = []string{"linux/amd64", "linux/arm64"}

// Store tests the stores that open returns: a new empty one each time.
func Store(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for name, test := range map[string]func(*testing.T, StoreUnderTest){
		"LookupOfNothing":           lookupOfNothing,
		"PutNodeIsFound":            putNodeIsFound,
		"PlatformIsNormalised":      platformIsNormalised,
		"PutNodeTwice":              putNodeTwice,
		"PutNodeKeepsPlatforms":     putNodeKeepsPlatforms,
		"PutNodeReplacesAPlatform":  putNodeReplacesAPlatform,
		"OtherHashReplacesAll":      otherHashReplacesAll,
		"PutNodeNeedsItsBlobs":      putNodeNeedsItsBlobs,
		"PutNodeRefusesBadPlatform": putNodeRefusesBadPlatform,
		"MissingBlobIsDamage":       missingBlobIsDamage,
		"PutIndexOrders":            putIndexOrders,
		"PutIndexAnnotates":         putIndexAnnotates,
		"PutIndexNeedsPlatforms":    putIndexNeedsPlatforms,
		"PutNodesAtOnce":            putNodesAtOnce,
		"AttachIsFound":             attachIsFound,
		"FindNode":                  findNode,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// build writes an image that text tells from others.
func build(t *testing.T, w fake.BlobWriter, platform, text string) executor.BuildResult {
	t.Helper()
	result, err := fake.WriteImage(t.Context(), w, fake.ImageSpec{
		Platform: platform, Layers: []string{"shared", text}, Attestation: "about " + text,
	})
	if err != nil {
		t.Fatal(err)
	}
	return *result
}

func (s StoreUnderTest) put(t *testing.T, hash, platform string, result executor.BuildResult) {
	t.Helper()
	err := s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hash, Platform: platform, Platforms: both, BuildResult: result})
	if err != nil {
		t.Fatal(err)
	}
}

func (s StoreUnderTest) lookup(t *testing.T, ref string) *planner.Image {
	t.Helper()
	image, err := s.Lookup(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if image == nil {
		t.Fatalf("%s is not in the store", ref)
	}
	return image
}

// index reads the index that Lookup or PutIndex named.
func (s StoreUnderTest) index(t *testing.T, dgst digest.Digest) *ocispec.Index {
	t.Helper()
	data, err := s.Content.ReadBlob(t.Context(), dgst)
	if err != nil {
		t.Fatal(err)
	}
	idx, err := imageindex.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return idx
}

func wantPlatforms(t *testing.T, image *planner.Image, want ...string) {
	t.Helper()
	var got []string
	for p := range image.Manifests {
		got = append(got, p)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("platforms are %v, want %v", got, want)
	}
}

func lookupOfNothing(t *testing.T, s StoreUnderTest) {
	image, err := s.Lookup(t.Context(), ref)
	if err != nil || image != nil {
		t.Errorf("got %v, %v; want nothing and no error", image, err)
	}
}

func putNodeIsFound(t *testing.T, s StoreUnderTest) {
	amd := build(t, s.Content, "linux/amd64", "one")
	s.put(t, hashA, "linux/amd64", amd)
	image := s.lookup(t, ref)
	wantPlatforms(t, image, "linux/amd64")
	if image.Hash != hashA {
		t.Errorf("hash is %q, want %q", image.Hash, hashA)
	}
	if got := image.Manifests["linux/amd64"].Digest; got != amd.Manifest.Digest {
		t.Errorf("manifest is %s, want %s", got, amd.Manifest.Digest)
	}
	if got := image.Manifests["linux/amd64"].Platform; got == nil || got.Architecture != "amd64" {
		t.Errorf("the manifest's platform is %v, want amd64", got)
	}
	if other, err := s.Lookup(t.Context(), ref+"0"); err != nil || other != nil {
		t.Errorf("another reference gives %v, %v; want nothing", other, err)
	}
}

func platformIsNormalised(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/arm64/v8", build(t, s.Content, "linux/arm64", "one"))
	wantPlatforms(t, s.lookup(t, ref), "linux/arm64")
}

func putNodeTwice(t *testing.T, s StoreUnderTest) {
	amd := build(t, s.Content, "linux/amd64", "one")
	s.put(t, hashA, "linux/amd64", amd)
	first := s.lookup(t, ref).Digest
	s.put(t, hashA, "linux/amd64", amd)
	if again := s.lookup(t, ref).Digest; again != first {
		t.Errorf("the index changed from %s to %s", first, again)
	}
}

func putNodeKeepsPlatforms(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/s390x", build(t, s.Content, "linux/s390x", "three"))
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	s.put(t, hashA, "linux/386", build(t, s.Content, "linux/386", "four"))
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	wantPlatforms(t, s.lookup(t, ref), "linux/386", "linux/amd64", "linux/arm64", "linux/s390x")
	desc, err := s.PutIndex(t.Context(), ref, both, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := order(s.index(t, desc.Digest)), "linux/amd64 linux/arm64 linux/386 linux/s390x +linux/amd64 +linux/arm64 +linux/386 +linux/s390x"; got != want {
		t.Errorf("the index has %s, want %s", got, want)
	}
}

// order says what stands where in an index: the platforms of images, +platform
// of attestations.
func order(idx *ocispec.Index) string {
	var out []string
	about := map[string]string{}
	for _, d := range idx.Manifests {
		if imageindex.IsAttestation(d) {
			out = append(out, "+"+about[d.Annotations[imageindex.AnnotationReferenceDigest]])
			continue
		}
		platform := imageindex.FormatPlatform(d.Platform)
		about[d.Digest.String()] = platform
		out = append(out, platform)
	}
	return strings.Join(out, " ")
}

func putNodeReplacesAPlatform(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	fresh := build(t, s.Content, "linux/amd64", "one again")
	s.put(t, hashA, "linux/amd64", fresh)
	image := s.lookup(t, ref)
	wantPlatforms(t, image, "linux/amd64", "linux/arm64")
	if got := image.Manifests["linux/amd64"].Digest; got != fresh.Manifest.Digest {
		t.Errorf("linux/amd64 is %s, want the one put last, %s", got, fresh.Manifest.Digest)
	}
}

func otherHashReplacesAll(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	s.put(t, hashB, "linux/amd64", build(t, s.Content, "linux/amd64", "other"))
	image := s.lookup(t, ref)
	wantPlatforms(t, image, "linux/amd64")
	if image.Hash != hashB {
		t.Errorf("hash is %q, want %q", image.Hash, hashB)
	}
}

func putNodeNeedsItsBlobs(t *testing.T, s StoreUnderTest) {
	result := build(t, s.Content, "linux/amd64", "one")
	s.Content.RemoveBlob(digest.FromString("{}")) // the attestation's config
	err := s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hashA, Platform: "linux/amd64", Platforms: both, BuildResult: result})
	if !errdefs.IsNotFound(err) {
		t.Errorf("error is %v, want one that wraps ErrNotFound", err)
	}
	if image, err := s.Lookup(t.Context(), ref); err != nil || image != nil {
		t.Errorf("got %v, %v; want nothing", image, err)
	}
}

func putNodeRefusesBadPlatform(t *testing.T, s StoreUnderTest) {
	result := build(t, s.Content, "linux/amd64", "one")
	for _, platform := range []string{"", "amd64", "linux/a/b/c"} {
		err := s.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hashA, Platform: platform, Platforms: both, BuildResult: result})
		if err == nil {
			t.Errorf("platform %q was accepted", platform)
		}
	}
}

func missingBlobIsDamage(t *testing.T, s StoreUnderTest) {
	amd := build(t, s.Content, "linux/amd64", "one")
	s.put(t, hashA, "linux/amd64", amd)
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	s.Content.RemoveBlob(amd.Manifest.Digest)
	image := s.lookup(t, ref)
	wantPlatforms(t, image, "linux/arm64")
	if !slices.Equal(image.Damaged, []string{"linux/amd64"}) {
		t.Errorf("damaged are %v, want linux/amd64", image.Damaged)
	}
	if _, err := s.PutIndex(t.Context(), ref, both, nil); err == nil {
		t.Error("an index was made of a damaged platform")
	}
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	wantPlatforms(t, s.lookup(t, ref), "linux/amd64", "linux/arm64")
}

func putIndexOrders(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	desc, err := s.PutIndex(t.Context(), ref, []string{"linux/arm64/v8", "linux/amd64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := order(s.index(t, desc.Digest)), "linux/arm64 linux/amd64 +linux/arm64 +linux/amd64"; got != want {
		t.Errorf("the index has %s, want %s", got, want)
	}
	if got := s.lookup(t, ref).Digest; got != desc.Digest.String() {
		t.Errorf("the store has %s, want what was returned, %s", got, desc.Digest)
	}
	if desc.MediaType != ocispec.MediaTypeImageIndex {
		t.Errorf("media type is %s", desc.MediaType)
	}
}

func putIndexAnnotates(t *testing.T, s StoreUnderTest) {
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	desc, err := s.PutIndex(t.Context(), ref, []string{"linux/amd64"}, map[string]string{"team": "acme", planner.AnnotationHash: hashB})
	if err != nil {
		t.Fatal(err)
	}
	got := s.index(t, desc.Digest).Annotations
	if got["team"] != "acme" || got[planner.AnnotationHash] != hashA {
		t.Errorf("annotations are %v, want team and the hash that was there", got)
	}
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "two"))
	if desc, err = s.PutIndex(t.Context(), ref, both, nil); err != nil {
		t.Fatal(err)
	}
	if got := s.index(t, desc.Digest).Annotations; got["team"] != "acme" {
		t.Errorf("annotations are %v, want team kept", got)
	}
}

func putIndexNeedsPlatforms(t *testing.T, s StoreUnderTest) {
	if _, err := s.PutIndex(t.Context(), ref, both, nil); !errdefs.IsNotFound(err) {
		t.Errorf("an unknown reference gives %v, want ErrNotFound", err)
	}
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "one"))
	if _, err := s.PutIndex(t.Context(), ref, both, nil); !errdefs.IsNotFound(err) {
		t.Errorf("a missing platform gives %v, want ErrNotFound", err)
	}
	wantPlatforms(t, s.lookup(t, ref), "linux/amd64")
}

// putNodesAtOnce writes many references and platforms concurrently: none may
// get lost.
func putNodesAtOnce(t *testing.T, s StoreUnderTest) {
	const refs = 12
	platforms := []string{"linux/amd64", "linux/arm64", "linux/s390x"}
	g, ctx := errgroup.WithContext(t.Context())
	for i := range refs {
		for _, platform := range platforms {
			g.Go(func() error {
				result, err := fake.WriteImage(ctx, s.Content, fake.ImageSpec{Platform: platform, Layers: []string{"shared"}})
				if err != nil {
					return err
				}
				return s.PutNode(ctx, executor.NodeEntry{
					Ref: fmt.Sprintf("registry.test/acme/app:%d", i), Hash: hashA,
					Platform: platform, Platforms: platforms, BuildResult: *result,
				})
			})
		}
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range refs {
		wantPlatforms(t, s.lookup(t, fmt.Sprintf("registry.test/acme/app:%d", i)), platforms...)
	}
}

// attached is what stores and registries that keep artifacts have.
type attached interface {
	executor.Attacher
	Attached(ctx context.Context, ref, artifactType string) ([]byte, error)
}

const artifactType = "application/vnd.test.note+json"

func wantAttached(t *testing.T, in attached, ref, artifactType, want string) {
	t.Helper()
	data, err := in.Attached(t.Context(), ref, artifactType)
	if err != nil || string(data) != want {
		t.Errorf("attached to %s is %q, %v; want %q", ref, data, err, want)
	}
}

// attachIsFound: an artifact is about one index. It is replaced by another of
// its type, stays beside one of another type, and is gone when the index is
// another.
func attachIsFound(t *testing.T, s StoreUnderTest) {
	in, ok := s.Store.(attached)
	if !ok {
		t.Fatal("the store keeps no artifacts")
	}
	wantAttached(t, in, ref, artifactType, "")
	s.put(t, hashA, "linux/amd64", build(t, s.Content, "linux/amd64", "a"))
	index, err := s.PutIndex(t.Context(), ref, []string{"linux/amd64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantAttached(t, in, ref, artifactType, "")
	for _, text := range []string{"one", "two", "two"} {
		if err := in.Attach(t.Context(), ref, index, artifactType, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wantAttached(t, in, ref, artifactType, text)
	}
	if err := in.Attach(t.Context(), ref, index, "application/vnd.test.other", []byte("other")); err != nil {
		t.Fatal(err)
	}
	wantAttached(t, in, ref, artifactType, "two")
	s.put(t, hashA, "linux/arm64", build(t, s.Content, "linux/arm64", "b"))
	wantAttached(t, in, ref, artifactType, "")
}
