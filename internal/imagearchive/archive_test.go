package imagearchive_test

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imagearchive"
	"github.com/stowage-build/stowage/internal/layout"
)

// names are of every kind that an image in an archive can have.
var names = []string{
	"docker.io/library/tagged:1",
	"registry.test/both:2@" + digest.FromString("both").String(),
	"registry.test/digest@" + digest.FromString("digest").String(),
}

// TestWrite has skopeo read what was written.
func TestWrite(t *testing.T) {
	store := newStore(t)
	var list []imagearchive.Image
	for _, name := range names {
		list = append(list, imagearchive.Image{Name: name, Manifest: image(t, store, name)})
	}
	for _, format := range []imagearchive.Format{imagearchive.Docker, imagearchive.OCI} {
		t.Run(string(format), func(t *testing.T) {
			first := write(t, store, format, list)
			if !bytes.Equal(first, write(t, store, format, list)) {
				t.Error("the same images give other bytes")
			}
			other := newStore(t)
			for _, name := range names {
				image(t, other, name)
			}
			for _, image := range list {
				from := content.Info{Digest: image.Manifest.Digest, Labels: map[string]string{"containerd.io/distribution.source.registry.test": "x"}}
				if _, err := other.Update(t.Context(), from, "labels"); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(first, write(t, other, format, list)) {
				t.Error("the same images give other bytes from another store")
			}
			file := filepath.Join(t.TempDir(), "images.tar")
			if err := os.WriteFile(file, first, 0o644); err != nil {
				t.Fatal(err)
			}
			for _, at := range map[imagearchive.Format][]string{
				imagearchive.Docker: {":tagged:1", ":registry.test/both:2", ":@2"},
				imagearchive.OCI:    {":" + names[0], ":" + names[1], ":" + names[2]},
			}[format] {
				out, err := exec.Command("skopeo", "inspect", "--raw", string(format)+"-archive:"+file+at).CombinedOutput()
				if err != nil || !strings.Contains(string(out), "schemaVersion") {
					t.Errorf("skopeo inspect of %s: %v\n%s", at, err, out)
				}
			}
		})
	}
}

func TestWriteFails(t *testing.T) {
	store := newStore(t)
	one := imagearchive.Image{Name: names[0], Manifest: image(t, store, names[0])}
	lost := imagearchive.Image{Name: names[1], Manifest: image(t, store, names[1])}
	if err := store.Delete(t.Context(), digest.FromString("layer "+names[1])); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		format imagearchive.Format
		list   []imagearchive.Image
		want   string
	}{
		"unknown format":            {"zip", []imagearchive.Image{one}, `no archive format "zip"`},
		"two images for any engine": {imagearchive.Both, []imagearchive.Image{one, lost}, "holds one image, not 2"},
		"blob missing":              {imagearchive.Docker, []imagearchive.Image{lost}, "read blob sha256:"},
		"blob missing in a layout":  {imagearchive.OCI, []imagearchive.Image{lost}, "not found"},
		"manifest missing":          {imagearchive.Docker, []imagearchive.Image{{Name: "x", Manifest: ocispec.Descriptor{Digest: digest.FromString("x")}}}, "read the manifest of x"},
	} {
		t.Run(name, func(t *testing.T) {
			err := imagearchive.Write(t.Context(), io.Discard, store, test.format, test.list)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func write(t *testing.T, store content.Store, format imagearchive.Format, list []imagearchive.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := imagearchive.Write(t.Context(), &b, store, format, list); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func newStore(t *testing.T) content.Store {
	t.Helper()
	store, err := layout.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store.Content()
}

// image writes an image whose layer says text.
func image(t *testing.T, store content.Store, text string) ocispec.Descriptor {
	t.Helper()
	blob := func(mediaType, text string) string {
		desc := ocispec.Descriptor{MediaType: mediaType, Digest: digest.FromString(text), Size: int64(len(text))}
		if err := content.WriteBlob(t.Context(), store, desc.Digest.String(), strings.NewReader(text), desc); err != nil {
			t.Fatal(err)
		}
		return `{"mediaType":"` + mediaType + `","digest":"` + desc.Digest.String() + `","size":` + strconv.Itoa(len(text)) + `}`
	}
	layer := blob(ocispec.MediaTypeImageLayer, "layer "+text)
	config := blob(ocispec.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":["`+digest.FromString("layer "+text).String()+`"]}}`)
	manifest := `{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageManifest + `","config":` + config + `,"layers":[` + layer + `]}`
	blob(ocispec.MediaTypeImageManifest, manifest)
	return ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(manifest), Size: int64(len(manifest))}
}
