package layout_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/internal/layout"
)

// TestImportJoinsPlatforms: what several machines built, each for a platform.
func TestImportJoinsPlatforms(t *testing.T) {
	one, two, to := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	put(t, one, ref, "linux/arm64")
	put(t, two, ref, "linux/amd64")
	for _, s := range []*layout.Store{one, two, two, one} {
		imported(t, to, export(t, s, layout.ExportOptions{Format: layout.FormatOCI}, ref), layout.ImportOptions{})
	}
	image, err := to.Lookup(t.Context(), ref)
	if err != nil || len(image.Manifests) != 2 || image.Hash != hash {
		t.Errorf("the image is %+v, %v; want both platforms", image, err)
	}
}

// randomImage is an image that was not made here.
func randomImage(t *testing.T) v1.Image {
	t.Helper()
	image, err := random.Image(1000, 3)
	if err != nil {
		t.Fatal(err)
	}
	if image, err = mutate.ConfigFile(image, withPlatform(t, image)); err != nil {
		t.Fatal(err)
	}
	return image
}

func withPlatform(t *testing.T, image v1.Image) *v1.ConfigFile {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	return config
}

// TestImportOfAnotherTool imports what go-containerregistry wrote, the layers
// compressed, in a file that is compressed.
func TestImportOfAnotherTool(t *testing.T) {
	tag, err := name.NewTag("alpine:3.20")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := tarball.Write(tag, randomImage(t), z); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s := open(t, t.TempDir())
	images := imported(t, s, b.Bytes(), layout.ImportOptions{})
	if len(images) != 1 || images[0].Ref != "docker.io/library/alpine:3.20" {
		t.Errorf("imported %+v", images)
	}
	wantNothing(t, b.Bytes()[:b.Len()-9], layout.ImportOptions{}, "ends in the middle")
}

// legacyArchive is what docker save wrote before version 25: a directory a
// layer, and links in place of layers that there are twice.
func legacyArchive(t *testing.T, names []string) []byte {
	t.Helper()
	layer := tarOf(t, map[string]string{"file": "content"}, nil)
	diffID := digest.FromBytes(layer)
	config := fmt.Sprintf(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%q,%q]}}`, diffID, diffID)
	configName := digest.FromString(config).Encoded() + ".json"
	manifest, err := json.Marshal([]map[string]any{{"Config": configName, "RepoTags": names, "Layers": []string{"aa/layer.tar", "bb/layer.tar"}}})
	if err != nil {
		t.Fatal(err)
	}
	return tarOf(t, map[string]string{
		"aa/VERSION": "1.0", "aa/json": "{}", "aa/layer.tar": string(layer), "bb/VERSION": "1.0", "bb/json": "{}",
		configName: config, "manifest.json": string(manifest), "repositories": "{}",
	}, map[string]string{"bb/layer.tar": "../aa/layer.tar"})
}

func tarOf(t *testing.T, files, links map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[name]); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range links {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestImportOfOldDockerSave(t *testing.T) {
	s := open(t, t.TempDir())
	images := imported(t, s, legacyArchive(t, []string{"app:1", "registry.test/app:2"}), layout.ImportOptions{})
	if len(images) != 2 || images[0].Ref != "docker.io/library/app:1" || images[1].Ref != "registry.test/app:2" || images[0].Digest != images[1].Digest {
		t.Errorf("imported %+v", images)
	}
	if n := len(files(t, s.Dir())); n != 3 {
		t.Errorf("there are %d blobs, want a layer, a configuration and a manifest", n)
	}
	wantNothing(t, legacyArchive(t, nil), layout.ImportOptions{}, "--ref")
	images = imported(t, s, legacyArchive(t, nil), layout.ImportOptions{Ref: "registry.test/named"})
	if len(images) != 1 || images[0].Ref != "registry.test/named:latest" {
		t.Errorf("imported %+v", images)
	}
}

// TestImportOfDockerSave: since version 25 there are both descriptions, and
// the names in index.json are tags only.
func TestImportOfDockerSave(t *testing.T) {
	data := edited(t, export(t, shipment(t), layout.ExportOptions{Format: layout.FormatOCI}, ref), func(h *tar.Header, content []byte) []byte {
		return bytes.ReplaceAll(content, []byte(`"org.opencontainers.image.ref.name": "`+ref+`"`), []byte(`"org.opencontainers.image.ref.name": "v1"`))
	})
	if images := imported(t, open(t, t.TempDir()), data, layout.ImportOptions{}); len(images) != 1 || images[0].Ref != ref {
		t.Errorf("imported %+v", images)
	}
	unnamed := edited(t, data, func(h *tar.Header, content []byte) []byte {
		return bytes.ReplaceAll(content, []byte("io.containerd.image.name"), []byte("x"))
	})
	wantNothing(t, unnamed, layout.ImportOptions{}, `only "v1" for a name`, "--ref")
	wantNothing(t, unnamed, layout.ImportOptions{Ref: "a@" + digest.FromString("").String()}, "digest")
	if images := imported(t, open(t, t.TempDir()), unnamed, layout.ImportOptions{Ref: "a.test/b:c"}); images[0].Ref != "a.test/b:c" {
		t.Errorf("imported %+v", images)
	}
}

func TestImportOfBadArchives(t *testing.T) {
	both := export(t, shipment(t), layout.ExportOptions{Format: layout.FormatOCI}, "*")
	legacy := legacyArchive(t, []string{"app:1"})
	without := func(data []byte, part string) []byte {
		return edited(t, data, func(h *tar.Header, content []byte) []byte {
			if strings.Contains(h.Name, part) {
				return nil
			}
			return content
		})
	}
	replace := func(data []byte, part, by string) []byte {
		return edited(t, data, func(h *tar.Header, content []byte) []byte {
			if strings.Contains(h.Name, part) {
				return []byte(by)
			}
			return content
		})
	}
	arm := layer("for linux/arm64").Encoded()
	for what, test := range map[string]struct {
		data []byte
		opts layout.ImportOptions
		says []string
	}{
		"no tar":              {[]byte(strings.Repeat("no tar ", 200)), layout.ImportOptions{}, []string{"no tar file"}},
		"nothing":             {nil, layout.ImportOptions{}, []string{"neither index.json nor manifest.json"}},
		"no description":      {without(both, "index.json"), layout.ImportOptions{}, []string{"neither index.json nor manifest.json"}},
		"no layer":            {without(both, arm), layout.ImportOptions{}, []string{arm, "--platform"}},
		"other content":       {replace(both, arm, "other"), layout.ImportOptions{}, []string{arm, "content is sha256:"}},
		"no platform":         {both, layout.ImportOptions{Platforms: []string{"linux/s390x"}}, []string{"linux/s390x", "--platform"}},
		"bad platform":        {both, layout.ImportOptions{Platforms: []string{"arm"}}, []string{`"arm"`}},
		"one name for two":    {both, layout.ImportOptions{Ref: "a:b"}, []string{"2 images"}},
		"garbled index":       {replace(both, "index.json", "{"), layout.ImportOptions{}, []string{"index.json in the archive"}},
		"empty index":         {replace(both, "index.json", `{"schemaVersion":2}`), layout.ImportOptions{}, []string{"no images"}},
		"no digest":           {tarOf(t, map[string]string{"blobs/sha256/x": ""}, nil), layout.ImportOptions{}, []string{"blobs/sha256/x", "digest"}},
		"docker: no layer":    {without(legacy, "aa/layer.tar"), layout.ImportOptions{}, []string{"aa/layer.tar", "cut off"}},
		"docker: other layer": {replace(legacy, "aa/layer.tar", "other"), layout.ImportOptions{}, []string{"aa/layer.tar", "damaged"}},
		"docker: no platform": {legacy, layout.ImportOptions{Platforms: []string{"linux/arm64"}}, []string{"linux/arm64"}},
		"docker: no config":   {without(legacy, configName(t, legacy)), layout.ImportOptions{}, []string{configName(t, legacy), "cut off"}},
		"docker: garbled":     {replace(legacy, "manifest.json", "{"), layout.ImportOptions{}, []string{"manifest.json in the archive"}},
		"docker: no images":   {replace(legacy, "manifest.json", "[]"), layout.ImportOptions{}, []string{"no images"}},
		"docker: layers":      {replace(legacy, "manifest.json", `[{"Config":"`+configName(t, legacy)+`"}]`), layout.ImportOptions{}, []string{"0 layers, and 2"}},
	} {
		t.Run(what, func(t *testing.T) { wantNothing(t, test.data, test.opts, test.says...) })
	}
	// What is left of a platform can be had.
	if images := imported(t, open(t, t.TempDir()), without(export(t, shipment(t), layout.ExportOptions{Format: layout.FormatOCI}, ref), arm),
		layout.ImportOptions{Platforms: []string{"linux/amd64"}}); !slices.Equal(images[0].Platforms, []string{"linux/amd64"}) {
		t.Errorf("imported %+v", images)
	}
}

func configName(t *testing.T, data []byte) (found string) {
	edited(t, data, func(h *tar.Header, content []byte) []byte {
		if strings.HasSuffix(h.Name, ".json") && h.Name != "manifest.json" {
			found = h.Name
		}
		return content
	})
	return found
}

// TestImportCutOff imports archives that end too early, wherever.
func TestImportCutOff(t *testing.T) {
	data := export(t, shipment(t), layout.ExportOptions{Format: layout.FormatOCI}, "*")
	end := len(data) - 1024 // what a tar ends with; without it it is whole
	for n := 100; n < end; n += 1700 {
		wantNothing(t, data[:n], layout.ImportOptions{}, "import into the store")
	}
}
