package dockerd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/dockerd"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/testenv"
)

const ref = "registry.test/acme/app:v1"

// TestLoad loads into Podman, behind a proxy that counts what is sent.
func TestLoad(t *testing.T) {
	podman, err := testenv.StartPodman()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := podman.Stop(); err != nil {
			t.Error(err)
		}
	})
	var sent atomic.Int32
	proxy := httptest.NewServer(counting(podman.Host, &sent))
	defer proxy.Close()
	store := newStore(t)
	native, foreign := image(t, store, runtime.GOARCH), image(t, store, "s390x")
	d := open(t, proxy.URL, store)

	load := func(tag string, images ...ocispec.Descriptor) {
		t.Helper()
		if err := d.Load(t.Context(), tag, images); err != nil {
			t.Fatal(err)
		}
	}
	load(ref, native, foreign)
	first := ids(t, podman, ref+"-"+runtime.GOARCH, ref+"-s390x", ref)
	if first[0] != first[2] || first[0] == first[1] {
		t.Errorf("the tags' images are %q, want the first and last alike", first)
	}
	if n := sent.Load(); n != 2 {
		t.Errorf("%d archives were sent, want 2", n)
	}
	load(ref, native, foreign)
	load("registry.test/acme/other:v2", native)
	if n := sent.Load(); n != 2 {
		t.Errorf("%d archives were sent when the engine had the images, want the first 2", n)
	}
	if other := ids(t, podman, "registry.test/acme/other:v2"); other[0] != first[0] {
		t.Errorf("an image that was there got another tag as %s, want %s", other[0], first[0])
	}

	rebuilt := image(t, store, runtime.GOARCH)
	load(ref, rebuilt)
	if moved := ids(t, podman, ref, ref+"-"+runtime.GOARCH); moved[0] == first[0] || moved[0] != moved[1] {
		t.Errorf("the tags did not move: %q", moved)
	}
	load(ref, foreign) // the engine's own platform is not among them
	if kept := ids(t, podman, ref); kept[0] == first[1] {
		t.Error("TAG is an image of a platform that is not the engine's")
	}
}

// TestLoadFails is what can go wrong on the way.
func TestLoadFails(t *testing.T) {
	store := newStore(t)
	desc := image(t, store, "amd64")
	incomplete := image(t, store, "amd64")
	if err := store.Delete(t.Context(), layerOf(t, store, incomplete)); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		image ocispec.Descriptor
		load  http.HandlerFunc
		want  string
	}{
		"error in the answer": {desc, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, `{"stream":"Loading"}`, "\n", `{"errorDetail":{"message":"no space left"},"error":"no space left"}`)
		}, "no space left"},
		"refused before the end": {desc, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"not today"}`, http.StatusInternalServerError)
		}, "not today"},
		"store without a layer": {incomplete, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}, "from the store"},
		"no platform": {ocispec.Descriptor{Digest: desc.Digest}, nil, "no platform"},
	} {
		t.Run(name, func(t *testing.T) {
			engine := httptest.NewServer(pretending(test.load))
			defer engine.Close()
			err := open(t, engine.URL, store).Load(t.Context(), ref, []ocispec.Descriptor{test.image})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

// pretending is an engine for linux/amd64 without any image.
func pretending(load http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch {
		case strings.HasSuffix(r.URL.Path, "/version"):
			fmt.Fprint(w, `{"Os":"linux","Arch":"amd64"}`)
		case strings.HasSuffix(r.URL.Path, "/images/load"):
			load(w, r)
		case strings.HasSuffix(r.URL.Path, "/json"):
			http.Error(w, `{"message":"no such image"}`, http.StatusNotFound)
		}
	})
}

// counting passes requests on and counts the archives.
func counting(host string, sent *atomic.Int32) http.Handler {
	passOn := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "podman" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(host, "unix://"))
		}},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/images/load") {
			sent.Add(1)
		}
		passOn.ServeHTTP(w, r)
	})
}

func open(t *testing.T, url string, store content.Store) *dockerd.Daemon {
	t.Helper()
	d, err := dockerd.Open(t.Context(), dockerd.Options{Store: store, Getenv: func(name string) (string, bool) {
		return strings.Replace(url, "http://", "tcp://", 1), name == "DOCKER_HOST"
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
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

// image writes an image of random content.
func image(t *testing.T, store content.Store, arch string) ocispec.Descriptor {
	t.Helper()
	img, err := random.Image(1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", arch
	if img, err = mutate.ConfigFile(mutate.MediaType(mutate.ConfigMediaType(img, types.OCIConfigJSON), types.OCIManifestSchema1), config); err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(compressed)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range [][]byte{layer, raw, manifest} {
		write(t, store, blob)
	}
	return ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(manifest), Size: int64(len(manifest)),
		Platform: &ocispec.Platform{OS: "linux", Architecture: arch},
	}
}

func write(t *testing.T, store content.Store, blob []byte) {
	t.Helper()
	desc := ocispec.Descriptor{Digest: digest.FromBytes(blob), Size: int64(len(blob))}
	if err := content.WriteBlob(t.Context(), store, desc.Digest.String(), bytes.NewReader(blob), desc); err != nil {
		t.Fatal(err)
	}
}

func layerOf(t *testing.T, store content.Store, desc ocispec.Descriptor) digest.Digest {
	t.Helper()
	data, err := content.ReadBlob(t.Context(), store, desc)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), `"layers"`)
	_, rest, _ = strings.Cut(rest, `"digest":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return digest.Digest(text)
}

// ids are what Podman has under the references.
func ids(t *testing.T, podman *testenv.Podman, refs ...string) []string {
	t.Helper()
	var out []string
	for _, ref := range refs {
		id, err := exec.Command("podman", "--url", podman.Host, "image", "inspect", "--format", "{{.Id}}", ref).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", ref, err, id)
		}
		out = append(out, strings.TrimSpace(string(id)))
	}
	return out
}
