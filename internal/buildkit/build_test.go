package buildkit_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/testenv"
	"github.com/stowage-build/stowage/internal/testenv/baseimage"
)

// TestMain makes the test program the engine where a test starts one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.Command {
		os.Exit(engine.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// start starts an engine of the test's own and returns its endpoint.
func start(t *testing.T) string {
	t.Helper()
	cfg := engine.Config{Root: filepath.Join(t.TempDir(), "builder"), Idle: time.Minute}
	t.Cleanup(func() {
		if err := engine.Stop(context.WithoutCancel(t.Context()), cfg); err != nil {
			t.Error(err)
		}
		testenv.CheckUnused(t, cfg.Root)
	})
	at, err := engine.Ensure(t.Context(), cfg)
	if err != nil {
		log, _ := os.ReadFile(cfg.LogPath())
		t.Fatalf("%v\n%s", err, log)
	}
	return at
}

// store is a layout as the conformance tests use it.
type store struct{ *layout.Store }

func openStore(t *testing.T) store {
	t.Helper()
	s, err := layout.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return store{s}
}

func (s store) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, s.Content(), "ref-"+desc.Digest.String(), bytes.NewReader(data), desc)
}

func (s store) ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, s.Content(), ocispec.Descriptor{Digest: dgst})
}

func (s store) RemoveBlob(dgst digest.Digest) {
	_ = os.Remove(filepath.Join(s.Dir(), "blobs", "sha256", dgst.Encoded()))
}

func (s store) digests(t *testing.T) []digest.Digest {
	t.Helper()
	var out []digest.Digest
	err := s.Content().Walk(t.Context(), func(info content.Info) error {
		out = append(out, info.Digest)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// blob is what a store is filled with.
type blob struct {
	desc ocispec.Descriptor
	data []byte
}

// readBase makes the base image for linux/amd64: its blobs, the manifest last.
func readBase(t *testing.T) []blob {
	t.Helper()
	var blobs []blob
	add := func(data []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		blobs = append(blobs, blob{ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}, data})
	}
	index, err := baseimage.Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := index.Image(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		r, err := layer.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		add(io.ReadAll(r))
	}
	add(image.RawConfigFile())
	add(image.RawManifest())
	blobs[len(blobs)-1].desc.MediaType = ocispec.MediaTypeImageManifest
	return blobs
}

// add writes blobs and returns the last one's descriptor.
func (s store) add(t *testing.T, blobs []blob) ocispec.Descriptor {
	t.Helper()
	for _, b := range blobs {
		if err := s.WriteBlob(t.Context(), b.desc, b.data); err != nil {
			t.Fatal(err)
		}
	}
	return blobs[len(blobs)-1].desc
}

func connect(t *testing.T, endpoint string, s store) *buildkit.Client {
	t.Helper()
	c, err := buildkit.New(t.Context(), buildkit.Options{Endpoint: endpoint, Store: s.Content()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestBuilder(t *testing.T) {
	endpoint, base := start(t), readBase(t)
	conformance.Builder(t, func(t *testing.T) conformance.BuilderUnderTest {
		s := openStore(t)
		proxy := testenv.NewProxy(t, "unix", strings.TrimPrefix(endpoint, "unix://"))
		return conformance.BuilderUnderTest{
			Builder: connect(t, proxy.Endpoint, s), Store: s, Digests: s.digests,
			Platform: "linux/amd64", Base: s.add(t, base), Disconnect: proxy.Cut,
		}
	})
}
