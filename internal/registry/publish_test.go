package registry_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/internal/registry"
)

// byDigest makes the registry have an image as a builder pushes it, and returns
// the descriptor that the builder tells of.
func byDigest(t *testing.T, repository string, spec fake.ImageSpec) ocispec.Descriptor {
	t.Helper()
	m := machine(t, registry.Options{})
	ref := repository + ":built-" + digest.FromString(strings.Join(spec.Layers, " ") + spec.Platform).Encoded()[:8]
	put(t, m, ref, spec)
	if _, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{Platforms: []string{spec.Platform}, NoIndex: true}); err != nil {
		t.Fatal(err)
	}
	image, err := m.Registry.Lookup(t.Context(), ref+"-"+strings.TrimPrefix(spec.Platform, "linux/"))
	if err != nil {
		t.Fatal(err)
	}
	return ocispec.Descriptor{MediaType: image.MediaType, Digest: digest.Digest(image.Digest), Size: image.Size}
}

// client is a Registry that has no store.
func client(t *testing.T) *registry.Registry { return newRegistry(t, registry.Options{}) }

var twoImages = []fake.ImageSpec{
	{Platform: "linux/amd64", Layers: []string{"one"}, Attestation: "about one"},
	{Platform: "linux/arm64", Layers: []string{"two"}, Attestation: "about two"},
}

// TestPublish: what builders have pushed gets the same tags and the same index
// as what is pushed from a store.
func TestPublish(t *testing.T) {
	host := distribution(t, "")
	ref := host + "/acme/app:" + hash[:40]
	var images []executor.BuildResult
	for _, spec := range twoImages {
		if found, err := client(t).Published(t.Context(), ref, spec.Platform); err != nil || found != nil {
			t.Fatalf("before it is pushed: %+v, %v", found, err)
		}
		pushed := byDigest(t, host+"/acme/app", spec)
		res, err := client(t).Pushed(t.Context(), ref, spec.Platform, pushed, true)
		if err != nil {
			t.Fatal(err)
		}
		if res.Manifest.Platform == nil || len(res.Attestations) != 1 {
			t.Errorf("pushed was %+v", res)
		}
		found, err := client(t).Published(t.Context(), ref, spec.Platform)
		if err != nil || found == nil || found.Manifest.Digest != res.Manifest.Digest || len(found.Attestations) != 1 {
			t.Errorf("found %+v, %v; want %+v", found, err, res)
		}
		images = append(images, *res)
	}
	if image, err := client(t).Lookup(t.Context(), ref); err != nil || image != nil {
		t.Fatalf("the index is there before it is published: %+v, %v", image, err)
	}
	opts := executor.PushOptions{Platforms: many[:2], All: many[:2]}
	desc, err := client(t).Publish(t.Context(), ref, hash, images, opts)
	if err != nil {
		t.Fatal(err)
	}

	m := machine(t, registry.Options{})
	stored := host + "/stored/app:1"
	for _, spec := range twoImages {
		put(t, m, stored, spec)
	}
	want, err := m.Registry.Push(t.Context(), stored, opts)
	if err != nil || desc.Digest != want.Digest {
		t.Errorf("the index is %s, from a store it is %s, %v", desc.Digest, want.Digest, err)
	}
	for i, arch := range []string{"amd64", "arm64"} {
		raw := skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref+"-"+arch)
		if got := digest.FromBytes(raw); got != images[i].Manifest.Digest {
			t.Errorf("the tag for %s points at %s, want %s", arch, got, images[i].Manifest.Digest)
		}
	}
	skopeo(t, "copy", "--all", "--src-tls-verify=false", "docker://"+ref, "oci:"+t.TempDir())
	if again, err := client(t).Publish(t.Context(), ref, hash, images, opts); err != nil || again.Digest != desc.Digest {
		t.Errorf("again: %v, %v", again, err)
	}
}

// TestPublishKeepsWhatIsThere: of two images for one platform the first stays,
// and a platform that the index has stays in it.
func TestPublishKeepsWhatIsThere(t *testing.T) {
	host := distribution(t, "")
	repository := host + "/acme/app"
	ref := repository + ":" + hash[:40]
	r := client(t)
	first, err := r.Pushed(t.Context(), ref, "linux/amd64", byDigest(t, repository, twoImages[0]), true)
	if err != nil {
		t.Fatal(err)
	}
	other := byDigest(t, repository, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"other"}})
	if res, err := r.Pushed(t.Context(), ref, "linux/amd64", other, true); err != nil || res.Manifest.Digest != first.Manifest.Digest {
		t.Errorf("pushed later: %+v, %v; want %s", res, err, first.Manifest.Digest)
	}
	if res, err := r.Pushed(t.Context(), ref, "linux/amd64", other, false); err != nil || res.Manifest.Digest != other.Digest {
		t.Errorf("pushed later and not kept: %+v, %v; want %s", res, err, other.Digest)
	}
	one := executor.PushOptions{Platforms: many[:1], All: many[:2]}
	if _, err := r.Publish(t.Context(), ref, hash, []executor.BuildResult{*first}, one); err != nil {
		t.Fatal(err)
	}
	second, err := r.Pushed(t.Context(), ref, "linux/arm64", byDigest(t, repository, twoImages[1]), false)
	if err != nil {
		t.Fatal(err)
	}
	two := executor.PushOptions{Platforms: many[1:2], All: many[:2]}
	if _, err := r.Publish(t.Context(), ref, hash, []executor.BuildResult{*second}, two); err != nil {
		t.Fatal(err)
	}
	idx, err := imageindex.Parse(skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref))
	if err != nil || !slices.Equal(imageindex.Platforms(idx), many[:2]) || len(idx.Manifests) != 4 {
		t.Errorf("the index has %v, %v", imageindex.Platforms(idx), err)
	}
}

// TestPublishWithoutIndex leaves tags that say what is about the images, for
// Assemble.
func TestPublishWithoutIndex(t *testing.T) {
	host := distribution(t, "")
	ref := host + "/acme/app:1"
	r := client(t)
	for _, spec := range twoImages {
		res, err := r.Pushed(t.Context(), ref, spec.Platform, byDigest(t, host+"/acme/app", spec), false)
		if err != nil {
			t.Fatal(err)
		}
		opts := executor.PushOptions{Platforms: []string{spec.Platform}, NoIndex: true}
		if _, err := r.Publish(t.Context(), ref, hash, []executor.BuildResult{*res}, opts); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Assemble(t.Context(), ref, hash, registry.Assembly{Platforms: many[:2]}); err != nil {
		t.Fatal(err)
	}
	idx, err := imageindex.Parse(skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref))
	if err != nil || len(idx.Manifests) != 4 {
		t.Errorf("the index has %d entries, %v; want two images and two attestations", len(idx.Manifests), err)
	}
}

// TestLostPush: what a builder has pushed and the registry lacks may come with
// another push; an image that lacks a blob is not found, so that it is built
// and pushed again.
func TestLostPush(t *testing.T) {
	var lost atomic.Value
	lost.Store("")
	inner := memoryRegistry()
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gone := lost.Load().(string); gone != "" && strings.HasSuffix(r.URL.Path, gone) {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	ref := host + "/acme/app:" + hash[:40]
	r := client(t)
	_, err := r.Pushed(t.Context(), ref, "linux/amd64", ocispec.Descriptor{Digest: digest.FromString("nothing")}, true)
	if err == nil || !executor.Transient(err) || executor.Lost(err) {
		t.Errorf("what is not there: %v", err)
	}
	pushed := byDigest(t, host+"/acme/app", twoImages[0])
	if _, err := r.Pushed(t.Context(), ref, "linux/s390x", pushed, true); err == nil || executor.Transient(err) {
		t.Errorf("for another platform: %v", err)
	}
	res, err := r.Pushed(t.Context(), ref, "linux/amd64", pushed, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(layers(t, host, res.Manifest.Digest), res.Attestations[0].Digest) {
		lost.Store(d.String())
		if found, err := r.Published(t.Context(), ref, "linux/amd64"); err != nil || found != nil {
			t.Errorf("without %s there is %+v, %v", d, found, err)
		}
		if res, err := r.Pushed(t.Context(), ref, "linux/amd64", pushed, false); !executor.Transient(err) {
			t.Errorf("without %s it is pushed: %+v, %v", d, res, err)
		}
	}
	lost.Store("")
	if found, err := r.Published(t.Context(), ref, "linux/amd64"); err != nil || found == nil {
		t.Errorf("whole again: %+v, %v", found, err)
	}
}

// layers are the digests of an image's layers.
func layers(t *testing.T, host string, image digest.Digest) []digest.Digest {
	t.Helper()
	var m ocispec.Manifest
	raw := skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+host+"/acme/app@"+image.String())
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatal(err)
	}
	var out []digest.Digest
	for _, l := range m.Layers {
		out = append(out, l.Digest)
	}
	return out
}
