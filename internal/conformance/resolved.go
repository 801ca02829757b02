package conformance

import (
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// recordOfAResolvedHash: a record is written when its image is there, found by
// another machine with what is about the image, and never written over.
func recordOfAResolvedHash(t *testing.T, r RegistryUnderTest) {
	m, other := r.Machine(t), r.Machine(t)
	pusher, ok := m.Registry.(executor.ResolvedPusher)
	if !ok {
		t.Fatal("the registry keeps no records of resolved hashes")
	}
	record := executor.NodeEntry{
		Ref: planner.ResolvedRef(r.Prefix+"/app", hashB), Hash: hashB, Platform: "linux/amd64",
		BuildResult: m.build(t, r.ref(), hashA, "linux/amd64", "one"),
	}
	push := func(entry executor.NodeEntry) {
		t.Helper()
		if err := pusher.PushResolved(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	push(record)
	m.wantNothing(t, record.Ref)
	m.push(t, r.ref(), false, "linux/amd64")
	push(record)
	image := other.lookup(t, record.Ref)
	if image.Hash != hashB || image.Manifests["linux/amd64"].Digest != record.Manifest.Digest {
		t.Errorf("the record is %+v", image)
	}
	pulled, err := other.Registry.Pull(t.Context(), record.Ref, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Manifest.Digest != record.Manifest.Digest || len(pulled.Attestations) != len(record.Attestations) {
		t.Errorf("pulled %+v, want %+v", pulled, record.BuildResult)
	}

	second := record
	second.BuildResult = m.build(t, r.Prefix+"/app:2", hashA, "linux/amd64", "two")
	m.push(t, r.Prefix+"/app:2", false, "linux/amd64")
	push(second)
	if now := other.lookup(t, record.Ref); now.Digest != image.Digest {
		t.Errorf("the record was %s and is %s", image.Digest, now.Digest)
	}
}

// findNode: a whole node is given back with what is about it, if it was made of
// the hash and all of it is there.
func findNode(t *testing.T, s StoreUnderTest) {
	finder, ok := s.Store.(executor.NodeFinder)
	if !ok {
		t.Fatal("the store does not find nodes")
	}
	find := func(ref, hash, platform string) *executor.BuildResult {
		t.Helper()
		res, err := finder.FindNode(t.Context(), ref, hash, platform)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	want := build(t, s.Content, "linux/amd64", "one")
	if got := find(ref, hashA, "linux/amd64"); got != nil {
		t.Errorf("found %+v in an empty store", got)
	}
	s.put(t, hashA, "linux/amd64", want)
	got := find(ref, hashA, "linux/amd64")
	if got == nil || got.Manifest.Digest != want.Manifest.Digest || len(got.Attestations) != 1 || got.Attestations[0].Digest != want.Attestations[0].Digest {
		t.Errorf("found %+v, want %+v", got, want)
	}
	if find(ref, hashB, "linux/amd64") != nil || find(ref, hashA, "linux/arm64") != nil {
		t.Error("found what was not put there")
	}

	record := executor.NodeEntry{Ref: planner.ResolvedRef("registry.test/acme/app", hashB), Hash: hashB, Platform: "linux/amd64", Platforms: both, BuildResult: want}
	if err := s.PutNode(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	for repository, n := range map[string]int{"registry.test/acme/app": 1, "registry.test/acme": 0, "registry.test/acme/ap": 0} {
		records, err := finder.Records(t.Context(), repository, want.Manifest.Digest)
		if err != nil || len(records) != n {
			t.Errorf("the records in %s are %+v, %v; want %d", repository, records, err, n)
		} else if n == 1 && (records[0].Ref != record.Ref || records[0].Hash != hashB || len(records[0].Attestations) != 1) {
			t.Errorf("the record is %+v, want %+v", records[0], record)
		}
	}
	if records, err := finder.Records(t.Context(), "registry.test/acme/app", want.Attestations[0].Digest); err != nil || len(records) != 0 {
		t.Errorf("the records of another image are %+v, %v", records, err)
	}

	s.Content.RemoveBlob(want.Attestations[0].Digest)
	if got := find(ref, hashA, "linux/amd64"); got != nil {
		t.Errorf("found %+v, which is not whole", got)
	}
}
