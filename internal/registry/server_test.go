package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/conformance"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/registry"
)

// blobs writes a layout's blobs, and damages them.
type blobs struct{ *layout.Store }

func (b blobs) WriteBlob(ctx context.Context, desc ocispec.Descriptor, data []byte) error {
	return content.WriteBlob(ctx, b.Content(), "ref-"+desc.Digest.String(), bytes.NewReader(data), desc)
}

func (b blobs) ReadBlob(ctx context.Context, dgst digest.Digest) ([]byte, error) {
	return content.ReadBlob(ctx, b.Content(), ocispec.Descriptor{Digest: dgst})
}

func (b blobs) RemoveBlob(dgst digest.Digest) {
	_ = os.Remove(filepath.Join(b.Dir(), "blobs", "sha256", dgst.Encoded()))
}

// newStore opens a layout in a new directory.
func newStore(t testing.TB) *layout.Store {
	t.Helper()
	s, err := layout.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newRegistry is registry.New with waits that tests can afford.
func newRegistry(t testing.TB, opts registry.Options) *registry.Registry {
	t.Helper()
	if opts.RetryInterval == 0 {
		opts.RetryInterval = time.Millisecond
	}
	r, err := registry.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// machine is a store and a Registry that uses it.
func machine(t testing.TB, opts registry.Options) conformance.Machine {
	t.Helper()
	s := newStore(t)
	opts.Store = s
	return conformance.Machine{
		Store:    conformance.StoreUnderTest{Store: s, Content: blobs{s}},
		Registry: newRegistry(t, opts),
	}
}

// memoryRegistry is go-containerregistry's, without its log.
func memoryRegistry() http.Handler {
	return ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
}

// serve runs a registry and returns its host.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestConformanceOfMemoryRegistry(t *testing.T) {
	conformance.Registry(t, func(t *testing.T) conformance.RegistryUnderTest {
		return conformance.RegistryUnderTest{
			Prefix:  serve(t, memoryRegistry()) + "/acme",
			Machine: func(t *testing.T) conformance.Machine { return machine(t, registry.Options{}) },
		}
	})
}

// distribution runs Debian's docker-registry and returns its host. extra is
// YAML that is added to its configuration.
func distribution(t testing.TB, extra string) string {
	t.Helper()
	dir := t.TempDir()
	for try := range 5 {
		host := freeAddress(t)
		config := filepath.Join(dir, fmt.Sprintf("config%d.yml", try))
		text := fmt.Sprintf("version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}}\nhttp: {addr: %q%s}\n",
			filepath.Join(dir, "data"), host, extra)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if startDistribution(t, config, host) {
			return host
		}
	}
	t.Fatal("docker-registry did not start")
	return ""
}

// startDistribution reports whether the registry listens; somebody else may
// have taken the port.
func startDistribution(t testing.TB, config, host string) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "docker-registry", "serve", config)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("docker-registry is needed for this test (apt-get install docker-registry): %v", err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	t.Cleanup(func() { cancel(); <-exited })
	for {
		select {
		case <-exited:
			t.Logf("docker-registry: %s", stderr.String())
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := net.Dial("tcp", host); err == nil {
			conn.Close()
			return true
		}
	}
}

// freeAddress is a loopback address that nobody listened at a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestConformanceOfDistribution(t *testing.T) {
	host := distribution(t, "")
	n := 0
	conformance.Registry(t, func(t *testing.T) conformance.RegistryUnderTest {
		n++
		return conformance.RegistryUnderTest{
			Prefix:  fmt.Sprintf("%s/acme%d", host, n),
			Machine: func(t *testing.T) conformance.Machine { return machine(t, registry.Options{}) },
		}
	})
}

// BenchmarkLookup asks a registry for references in repositories that it does
// not have, 16 at a time.
func BenchmarkLookup(b *testing.B) {
	host := distribution(b, "")
	r := newRegistry(b, registry.Options{})
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Lookup(b.Context(), fmt.Sprintf("%s/acme/app%d:1", host, n.Add(1))); err != nil {
				b.Error(err)
			}
		}
	})
}
