package conformance

import (
	"fmt"
	"testing"

	"github.com/containerd/errdefs"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// Machine is a store and the registry as it is used from there.
type Machine struct {
	Store    StoreUnderTest
	Registry executor.Registry
}

// RegistryUnderTest is a registry that has nothing below Prefix.
type RegistryUnderTest struct {
	// Prefix is host/path, to be followed by /name.
	Prefix string
	// Machine returns a new one, with an empty store.
	Machine func(t *testing.T) Machine
}

// Registry tests the registries that open returns: a new one each time.
func Registry(t *testing.T, open func(t *testing.T) RegistryUnderTest) {
	for name, test := range map[string]func(*testing.T, RegistryUnderTest){
		"LookupOfNothing":           registryLookupOfNothing,
		"PushIsFound":               pushIsFound,
		"PushWritesArchTags":        pushWritesArchTags,
		"PushTwice":                 pushTwice,
		"PushKeepsOthersPlatforms":  pushKeepsOthersPlatforms,
		"PushLeavesWhatIsThere":     pushLeavesWhatIsThere,
		"PushOverwrites":            pushOverwrites,
		"PushOfOtherHash":           pushOfOtherHash,
		"PushOnlyNamedPlatforms":    pushOnlyNamedPlatforms,
		"PushNeedsPlatforms":        pushNeedsPlatforms,
		"PushOfNothing":             pushOfNothing,
		"PushOfWhatOnlyTheyHave":    pushOfWhatOnlyTheyHave,
		"PushesAtOnce":              pushesAtOnce,
		"PullCompletesTheStore":     pullCompletesTheStore,
		"PullOfNothing":             pullOfNothing,
		"TagPointsWhereRefDoes":     tagPointsWhereRefDoes,
		"TagOfNothing":              tagOfNothing,
		"SharedLayersAcrossImages":  sharedLayersAcrossImages,
		"PlatformsAreNormalisedToo": platformsAreNormalisedToo,
		"ArtifactsReachTheOthers":   artifactsReachTheOthers,
		"PushWithoutIndex":          pushWithoutIndex,
		"RecordOfAResolvedHash":     recordOfAResolvedHash,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (r RegistryUnderTest) ref() string { return r.Prefix + "/app:1" }

// build puts a platform's image into the machine's store under ref.
func (m Machine) build(t *testing.T, ref, hash, platform, text string) executor.BuildResult {
	t.Helper()
	result := build(t, m.Store.Content, platform, text)
	err := m.Store.PutNode(t.Context(), executor.NodeEntry{Ref: ref, Hash: hash, Platform: platform, Platforms: both, BuildResult: result})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (m Machine) push(t *testing.T, ref string, overwrite bool, platforms ...string) string {
	t.Helper()
	desc, err := m.Registry.Push(t.Context(), ref, executor.PushOptions{Platforms: platforms, Overwrite: overwrite})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.lookup(t, ref).Digest; got != desc.Digest.String() {
		t.Errorf("the registry has %s under %s, want what Push returned, %s", got, ref, desc.Digest)
	}
	return desc.Digest.String()
}

func (m Machine) lookup(t *testing.T, ref string) *planner.Image {
	t.Helper()
	image, err := m.Registry.Lookup(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if image == nil {
		t.Fatalf("%s is not in the registry", ref)
	}
	return image
}

func (m Machine) wantNothing(t *testing.T, ref string) {
	t.Helper()
	if image, err := m.Registry.Lookup(t.Context(), ref); err != nil || image != nil {
		t.Errorf("%s is %v, %v; want nothing and no error", ref, image, err)
	}
}

func registryLookupOfNothing(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.wantNothing(t, r.ref())
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	m.push(t, r.ref(), false, "linux/amd64")
	m.wantNothing(t, r.Prefix+"/app:2")
	m.wantNothing(t, r.Prefix+"/other:1")
}

func pushIsFound(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	amd := m.build(t, r.ref(), hashA, "linux/amd64", "one")
	m.build(t, r.ref(), hashA, "linux/arm64", "two")
	want, err := m.Store.PutIndex(t.Context(), r.ref(), both, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.push(t, r.ref(), false, both...); got != want.Digest.String() {
		t.Errorf("pushed %s, want the store's index %s", got, want.Digest)
	}
	image := m.lookup(t, r.ref())
	wantPlatforms(t, image, both...)
	if image.Hash != hashA || len(image.Damaged) != 0 {
		t.Errorf("image is %+v, want hash %s and no damage", image, hashA)
	}
	if got := image.Manifests["linux/amd64"].Digest; got != amd.Manifest.Digest {
		t.Errorf("linux/amd64 is %s, want %s", got, amd.Manifest.Digest)
	}
}

func pushWritesArchTags(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	arm := m.build(t, r.ref(), hashA, "linux/arm/v7", "seven")
	m.push(t, r.ref(), false)
	image := m.lookup(t, r.ref()+"-arm-v7")
	if image.Digest != arm.Manifest.Digest.String() {
		t.Errorf("the tag of the platform is %s, want the image %s", image.Digest, arm.Manifest.Digest)
	}
	wantPlatforms(t, image, "linux/arm/v7")
}

func pushTwice(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	first := m.push(t, r.ref(), false, "linux/amd64")
	for _, overwrite := range []bool{false, true} {
		if again := m.push(t, r.ref(), overwrite, "linux/amd64"); again != first {
			t.Errorf("pushing again with overwrite=%v gives %s, want %s", overwrite, again, first)
		}
	}
}

func pushKeepsOthersPlatforms(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	one.build(t, r.ref(), hashA, "linux/amd64", "one")
	two.build(t, r.ref(), hashA, "linux/arm64", "two")
	two.push(t, r.ref(), false, "linux/arm64")
	one.push(t, r.ref(), false, "linux/amd64")
	wantPlatforms(t, two.lookup(t, r.ref()), both...)
	// A package's platforms of which one is only in the registry.
	digest := one.push(t, r.ref(), false, both...)
	if got := two.push(t, r.ref(), true, "linux/arm64"); got != digest {
		t.Errorf("pushing the same again gives %s, want %s", got, digest)
	}
}

func pushLeavesWhatIsThere(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	first := one.build(t, r.ref(), hashA, "linux/amd64", "one")
	two.build(t, r.ref(), hashA, "linux/amd64", "not reproducible")
	two.build(t, r.ref(), hashA, "linux/arm64", "two")
	one.push(t, r.ref(), false, "linux/amd64")
	two.push(t, r.ref(), false, both...)
	image := one.lookup(t, r.ref())
	wantPlatforms(t, image, both...)
	if got := image.Manifests["linux/amd64"].Digest; got != first.Manifest.Digest {
		t.Errorf("linux/amd64 is %s, want the one that was there, %s", got, first.Manifest.Digest)
	}
}

func pushOverwrites(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	one.build(t, r.ref(), hashA, "linux/amd64", "one")
	one.build(t, r.ref(), hashA, "linux/arm64", "two")
	forced := two.build(t, r.ref(), hashA, "linux/amd64", "again")
	one.push(t, r.ref(), false, both...)
	two.push(t, r.ref(), true, "linux/amd64")
	image := one.lookup(t, r.ref())
	wantPlatforms(t, image, both...)
	if got := image.Manifests["linux/amd64"].Digest; got != forced.Manifest.Digest {
		t.Errorf("linux/amd64 is %s, want the forced one, %s", got, forced.Manifest.Digest)
	}
	if got := one.lookup(t, r.ref()+"-amd64").Digest; got != forced.Manifest.Digest.String() {
		t.Errorf("the tag of the platform is %s, want %s", got, forced.Manifest.Digest)
	}
}

func pushOfOtherHash(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	one.build(t, r.ref(), hashA, "linux/amd64", "one")
	one.build(t, r.ref(), hashA, "linux/arm64", "two")
	two.build(t, r.ref(), hashB, "linux/amd64", "other")
	one.push(t, r.ref(), false, both...)
	two.push(t, r.ref(), false, "linux/amd64")
	image := one.lookup(t, r.ref())
	wantPlatforms(t, image, "linux/amd64")
	if image.Hash != hashB {
		t.Errorf("hash is %s, want %s", image.Hash, hashB)
	}
}

func pushOnlyNamedPlatforms(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	m.build(t, r.ref(), hashA, "linux/arm64", "two")
	m.push(t, r.ref(), false, "linux/arm64")
	wantPlatforms(t, m.lookup(t, r.ref()), "linux/arm64")
	m.push(t, r.ref(), false)
	wantPlatforms(t, m.lookup(t, r.ref()), both...)
}

func pushNeedsPlatforms(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	m.build(t, r.ref(), hashA, "linux/amd64", "one")
	if _, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: both}); err == nil {
		t.Error("a platform that is nowhere was pushed")
	}
	m.wantNothing(t, r.ref())
}

func pushOfNothing(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	if _, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{}); !errdefs.IsNotFound(err) {
		t.Errorf("error is %v, want one that wraps ErrNotFound", err)
	}
	if _, err := m.Registry.Push(t.Context(), r.ref(), executor.PushOptions{Platforms: both}); err == nil {
		t.Error("nothing was pushed without an error")
	}
}

func pushOfWhatOnlyTheyHave(t *testing.T, r RegistryUnderTest) {
	one, two := r.Machine(t), r.Machine(t)
	one.build(t, r.ref(), hashA, "linux/amd64", "one")
	want := one.push(t, r.ref(), false, "linux/amd64")
	if got := two.push(t, r.ref(), false, "linux/amd64"); got != want {
		t.Errorf("got %s, want what is there, %s", got, want)
	}
}

func pushesAtOnce(t *testing.T, r RegistryUnderTest) {
	m := r.Machine(t)
	refs := make([]string, 8)
	for i := range refs {
		refs[i] = fmt.Sprintf("%s/app%d:1", r.Prefix, i)
		m.build(t, refs[i], hashA, "linux/amd64", "same")
		m.build(t, refs[i], hashA, "linux/arm64", refs[i])
	}
	g, ctx := errgroup.WithContext(t.Context())
	for _, ref := range refs {
		g.Go(func() error {
			_, err := m.Registry.Push(ctx, ref, executor.PushOptions{Platforms: both})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	other := r.Machine(t)
	for _, ref := range refs {
		wantPlatforms(t, other.lookup(t, ref), both...)
		for _, platform := range both {
			other.pull(t, ref, platform)
		}
	}
}
