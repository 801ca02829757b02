package registry_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/internal/registry"
)

// TestImageOfAnotherTool reads what was not pushed as an index of ours.
func TestImageOfAnotherTool(t *testing.T) {
	host := serve(t, memoryRegistry())
	m := machine(t, registry.Options{})
	ref := host + "/acme/app:1"
	result := put(t, m, ref, fake.ImageSpec{Platform: "linux/arm64", Layers: []string{"one"}})
	push(t, m, ref)
	image, err := m.Registry.Lookup(t.Context(), ref+"-arm64")
	if err != nil || image.Digest != result.Manifest.Digest.String() || image.Hash != "" || image.Manifests["linux/arm64"].Digest != result.Manifest.Digest {
		t.Errorf("a single manifest is %+v, %v", image, err)
	}
	if _, err := m.Registry.Pull(t.Context(), ref+"-arm64", "linux/arm64"); err != nil {
		t.Error(err)
	}
}

// TestSkopeo has another tool read the store and the registry, and write the
// registry.
func TestSkopeo(t *testing.T) {
	host := distribution(t, "")
	m := machine(t, registry.Options{})
	ref := host + "/acme/app:v1"
	put(t, m, ref, fake.ImageSpec{Platform: "linux/amd64", Layers: []string{"one"}, Attestation: "a"})
	put(t, m, ref, fake.ImageSpec{Platform: "linux/arm64", Layers: []string{"two"}, Attestation: "b"})
	desc, err := m.Store.PutIndex(t.Context(), ref, []string{"linux/amd64", "linux/arm64"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	inLayout := "oci:" + m.Store.Content.(blobs).Dir() + ":" + ref
	if got := digest.FromBytes(skopeo(t, "inspect", "--raw", inLayout)); got != desc.Digest {
		t.Errorf("skopeo reads %s from the layout, want %s", got, desc.Digest)
	}
	push(t, m, ref)
	if got := digest.FromBytes(skopeo(t, "inspect", "--raw", "--tls-verify=false", "docker://"+ref)); got != desc.Digest {
		t.Errorf("skopeo reads %s from the registry, want %s", got, desc.Digest)
	}
	skopeo(t, "copy", "--all", "--dest-tls-verify=false", inLayout, "docker://"+host+"/copied/app:v2")
	image, err := m.Registry.Lookup(t.Context(), host+"/copied/app:v2")
	// It writes the index anew, with the same entries.
	if err != nil || image == nil || len(image.Manifests) != 2 || image.Hash != hash {
		t.Errorf("what skopeo copied is %+v, %v", image, err)
	}
	copied := t.TempDir()
	skopeo(t, "copy", "--all", "--src-tls-verify=false", "docker://"+ref, "oci:"+copied+":x")
	idx, err := imageindex.Parse(skopeo(t, "inspect", "--raw", "oci:"+copied+":x"))
	if err != nil || len(idx.Manifests) != 4 {
		t.Errorf("skopeo pulled %+v, %v", idx, err)
	}
}

func skopeo(t *testing.T, args ...string) []byte {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "skopeo", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("skopeo %s (apt-get install skopeo): %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}
