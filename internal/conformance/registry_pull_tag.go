package conformance

import (
	"testing"

	"github.com/containerd/errdefs"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
)

// pull pulls a platform and puts it into the store.
func (m Machine) pull(t *testing.T, ref, platform string) executor.BuildResult {
	t.Helper()
	result, err := m.Registry.Pull(t.Context(), ref, platform)
	if err != nil {
		t.Fatal(err)
	}
	err = m.Store.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hashA, Platform: platform, Platforms: both, BuildResult: *result})
	if err != nil {
		t.Fatal(err)
	}
	return *result
}

func pullCompletesTheStore(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	amd := one.build(t, r.ref(), hashA, "linux/amd64", "one")
	one.build(t, r.ref(), hashA, "linux/arm64", "two")
	digest := one.push(t, r.ref(), false, both...)
	for range 2 {
		got := two.pull(t, r.ref(), "linux/amd64")
		if got.Manifest.Digest != amd.Manifest.Digest || got.Manifest.Platform == nil || len(got.Attestations) != 1 {
			t.Errorf("pulled %+v, want %+v", got, amd)
		}
		wantPlatforms(t, two.Store.lookup(t, r.ref()), "linux/amd64")
	}
	two.pull(t, r.ref(), "linux/arm64/v8")
	image := two.Store.lookup(t, r.ref())
	wantPlatforms(t, image, both...)
	if image.Digest != digest {
		t.Errorf("the store's index is %s, want the registry's, %s", image.Digest, digest)
	}
}

func pullOfNothing(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	if _, err := m.Registry.Pull(t.Context(), r.ref(), "linux/amd64"); !errdefs.IsNotFound(err) {
		t.Errorf("a missing reference gives %v, want ErrNotFound", err)
	}
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	m.push(t, r.ref(), false, "linux/amd64")
	if _, err := m.Registry.Pull(t.Context(), r.ref(), "linux/arm64"); !errdefs.IsNotFound(err) {
		t.Errorf("a missing platform gives %v, want ErrNotFound", err)
	}
	if _, err := m.Registry.Pull(t.Context(), r.ref(), "arm64"); err == nil {
		t.Error("a bad platform was accepted")
	}
}

func tagPointsWhereRefDoes(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	m.build(t, r.Prefix+"/app:2", hashB, "linux/amd64", "two")
	first := m.push(t, r.ref(), false, "linux/amd64")
	second := m.push(t, r.Prefix+"/app:2", false, "linux/amd64")
	for _, step := range []struct{ from, want string }{
		{r.ref(), first}, {r.ref(), first}, {r.Prefix + "/app:2", second},
	} {
		if err := m.Registry.Tag(t.Context(), step.from, "latest"); err != nil {
			t.Fatal(err)
		}
		if got := m.lookup(t, r.Prefix+"/app:latest").Digest; got != step.want {
			t.Errorf("latest is %s, want what %s is, %s", got, step.from, step.want)
		}
	}
}

func tagOfNothing(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	if err := m.Registry.Tag(t.Context(), r.ref(), "latest"); !errdefs.IsNotFound(err) {
		t.Errorf("error is %v, want one that wraps ErrNotFound", err)
	}
	m.wantNothing(t, r.Prefix+"/app:latest")
}

// sharedLayersAcrossImages pushes a layer to a second repository, where it may
// be mounted, and reads it back from there.
func sharedLayersAcrossImages(t *testing.T, r RegistryUnderTest) {
	m, other := r.Machine(t), r.Machine(t)
	for _, ref := range []string{r.Prefix + "/base:1", r.Prefix + "/app:1"} {
		result, err := fake.WriteImage(t.Context(), m.Store.Content, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"base", ref}})
		if err != nil {
			t.Fatal(err)
		}
		err = m.Store.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hashA, Platform: "linux/amd64", BuildResult: *result})
		if err != nil {
			t.Fatal(err)
		}
		m.push(t, ref, false)
	}
	other.pull(t, r.Prefix+"/app:1", "linux/amd64")
}

func platformsAreNormalisedToo(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/arm64", "one")
	m.push(t, r.ref(), false, "linux/arm64/v8")
	wantPlatforms(t, m.lookup(t, r.ref()), "linux/arm64")
	if _, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: []string{"arm64"}}); err == nil {
		t.Error("a bad platform was accepted")
	}
}

// artifactsReachTheOthers: what one machine attaches another reads.
func artifactsReachTheOthers(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	in, ok := m.Registry.(attached)
	if !ok {
		t.Fatal("the registry keeps no artifacts")
	}
	wantAttached(t, in, r.ref(), artifactType, "")
	m.build(t, r.ref(), hashA, "linux/amd64", "a")
	index, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: []string{"linux/amd64"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one", "two", "two"} {
		if err := in.Attach(t.Context(), r.ref(), index, artifactType, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	other := r.Machine(t).Registry.(attached)
	wantAttached(t, other, r.ref(), artifactType, "two")
	wantAttached(t, other, r.Prefix+"/app:2", artifactType, "")
	if index, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: []string{"linux/amd64"}}); err != nil || index.Digest.String() != m.lookup(t, r.ref()).Digest {
		t.Errorf("after attaching, the index is %v, %v", index, err)
	}
}

// pushWithoutIndex: images are under their own tags, and no index is.
func pushWithoutIndex(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/amd64", "a")
	m.build(t, r.ref(), hashA, "linux/arm64", "b")
	if _, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: []string{"linux/arm64"}, NoIndex: true}); err != nil {
		t.Fatal(err)
	}
	m.wantNothing(t, r.ref())
	m.wantNothing(t, r.ref()+"-amd64")
	wantPlatforms(t, m.lookup(t, r.ref()+"-arm64"), "linux/arm64")
}
