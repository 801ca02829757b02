package layout_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/content/proxy"
	"github.com/containerd/containerd/v2/plugins/services/content/contentserver"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/stowage-build/stowage/internal/layout"
)

// remote is the store's content as BuildKit's daemon sees it: through the
// session's content server.
func remote(t *testing.T, s *layout.Store) content.Store {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	contentapi.RegisterContentServer(server, contentserver.New(s.Content()))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///store", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.Dial() }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return proxy.NewContentStore(contentapi.NewContentClient(conn))
}

// randomBlob is content that is larger than a message.
func randomBlob(t *testing.T) ([]byte, ocispec.Descriptor) {
	t.Helper()
	data := make([]byte, 5<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	return data, ocispec.Descriptor{Digest: digest.FromBytes(data), Size: int64(len(data))}
}

// TestBuildsExportTheSameBlobsAtOnce has many builds export shared layers, as
// BuildKit does, while one of the blobs is damaged.
func TestBuildsExportTheSameBlobsAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	type shared struct {
		data []byte
		desc ocispec.Descriptor
	}
	var layers []shared
	for range 3 {
		data, desc := randomBlob(t)
		layers = append(layers, shared{data, desc})
	}
	if err := content.WriteBlob(t.Context(), s.Content(), "x", bytes.NewReader(layers[0].data), layers[0].desc); err != nil {
		t.Fatal(err)
	}
	truncate(t, blobs{s}.path(layers[0].desc.Digest), 1000)

	var g errgroup.Group
	for build := range 8 {
		daemon := remote(t, s)
		g.Go(func() error {
			for i := range layers {
				l := layers[(i+build)%len(layers)]
				err := content.WriteBlob(context.Background(), daemon, "layer-"+l.desc.Digest.String(), bytes.NewReader(l.data), l.desc)
				if err != nil {
					return fmt.Errorf("build %d: %w", build, err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		got, err := content.ReadBlob(t.Context(), remote(t, s), l.desc)
		if err != nil || !bytes.Equal(got, l.data) {
			t.Errorf("blob %s: %v", l.desc.Digest, err)
		}
	}
	if n := ingesting(t, dir); n != 0 {
		t.Errorf("%d half written files are left", n)
	}
}
