package fleet

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/engine"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/testenv"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// TestMain makes the test program the engine where a test starts one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.Command {
		os.Exit(engine.Main(os.Args[2:]))
	}
	os.Exit(m.Run())
}

const native = "linux/" + runtime.GOARCH

// embeddedOptions are a store and an embedded builder of the test's own, which
// is not started.
func embeddedOptions(t *testing.T) Options {
	t.Helper()
	store, err := layout.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg := engine.Config{Root: filepath.Join(t.TempDir(), "builder"), Idle: time.Minute}
	t.Cleanup(func() {
		if err := engine.Stop(context.WithoutCancel(t.Context()), cfg); err != nil {
			t.Error(err)
		}
		testenv.CheckUnused(t, cfg.Root)
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return Options{Engine: cfg, Store: store.Content()}
}

// start starts the embedded builder and returns its endpoint.
func start(t *testing.T, opts Options) string {
	t.Helper()
	endpoint, err := engine.Ensure(t.Context(), opts.Engine)
	if err != nil {
		log, _ := os.ReadFile(opts.Engine.LogPath())
		t.Fatalf("%v\n%s", err, log)
	}
	return endpoint
}

func open(t *testing.T, opts Options) *Fleet {
	t.Helper()
	f, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// at reads endpoints as of the command line.
func at(t *testing.T, texts ...string) []Endpoint {
	t.Helper()
	endpoints, err := ParseEndpoints(texts)
	if err != nil {
		t.Fatal(err)
	}
	return endpoints
}

// closedPort is an endpoint where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp://" + l.Addr().String()
}

// request is a build that needs no base image.
func request(t *testing.T, content string) *executor.BuildRequest {
	t.Helper()
	f := planner.File{
		Path: "file", Type: planner.FileRegular, Size: int64(len(content)), Digest: digest.FromString(content).Encoded(),
		Origin: filepath.Join(t.TempDir(), "file"),
	}
	if err := os.WriteFile(f.Origin, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	epoch := int64(0)
	return &executor.BuildRequest{
		Node: "app:" + native, Platform: native, Files: []planner.File{f},
		Dockerfile: []byte("FROM scratch\nCOPY file /\n"), DockerfileName: "Dockerfile", Epoch: &epoch,
	}
}

func ignore(executor.Progress) {}

// TestPrecedence: the command line goes before the workspace, that before
// BUILDKIT_HOST, and the embedded builder is for when there is none of these.
func TestPrecedence(t *testing.T) {
	declared := []*schema.Builder{
		{Name: "one", Endpoint: "tcp://one:1", Platforms: []string{"linux/amd64"}, Native: "linux/amd64", Slots: 3},
		{Name: "two", Endpoint: "ssh://two", Platforms: []string{"linux/arm64"}, Native: "linux/arm64", Slots: 1},
	}
	for _, c := range []struct {
		name string
		opts Options
		want string // NAME ENDPOINT of each
	}{
		{"all", Options{Endpoints: at(t, "unix:///a", "tcp://b:1"), Declared: declared, Host: "tcp://h:1"}, "unix:///a unix:///a, tcp://b:1 tcp://b:1"},
		{"declared and host", Options{Declared: declared, Host: "tcp://h:1"}, "one tcp://one:1, two ssh://two"},
		{"command line and host", Options{Endpoints: at(t, "tcp://b:1"), Host: "tcp://h:1"}, "tcp://b:1 tcp://b:1"},
		{"host", Options{Host: "tcp://h:1"}, "tcp://h:1 tcp://h:1"},
		{"nothing", Options{}, "embedded "},
	} {
		var got []string
		for _, m := range c.opts.members() {
			got = append(got, m.name+" "+m.endpoint)
			if m.slots < 1 {
				t.Errorf("%s: %s has %d slots", c.name, m.name, m.slots)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: builders are %q, want %q", c.name, got, c.want)
		}
	}
}

// TestTLSFiles: their paths are relative to the workspace.
func TestTLSFiles(t *testing.T) {
	root := t.TempDir()
	opts := Options{Root: root, Declared: []*schema.Builder{{
		Name: "tls", Endpoint: "tcp://127.0.0.1:1", TLS: &schema.TLS{CA: "certs/ca.pem", Cert: "/abs/cert.pem", ServerName: "name"},
	}}}
	got := opts.members()[0].tls
	if got.CA != filepath.Join(root, "certs", "ca.pem") || got.Cert != "/abs/cert.pem" || got.Key != "" || got.ServerName != "name" {
		t.Errorf("tls is %+v", got)
	}
	_, err := Open(t.Context(), opts)
	if err == nil || !strings.Contains(err.Error(), "builder tls") || !strings.Contains(err.Error(), got.CA) || executor.Transient(err) {
		t.Errorf("error is %v, want a lasting one that names the builder and %s", err, got.CA)
	}
}

// TestUnreachable: the error says which builder it is and what to do, and that
// trying again may help.
func TestUnreachable(t *testing.T) {
	endpoint := closedPort(t)
	opts := Options{Declared: []*schema.Builder{{Name: "arm", Endpoint: endpoint, Slots: 1}}}
	_, err := Open(t.Context(), opts)
	if err == nil {
		t.Fatal("a builder that does not listen was opened")
	}
	for _, want := range []string{"builder arm", endpoint, "connection refused", "--builder"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error is %q, want %q in it", err, want)
		}
	}
	if strings.Contains(err.Error(), "rpc error") {
		t.Errorf("error is %q, want it without words of the transport", err)
	}
	b := &builder{member: opts.members()[0]}
	if _, err := b.Build(t.Context(), request(t, "x"), ignore); !executor.Transient(err) {
		t.Errorf("a build there fails with %v, want a transient error", err)
	}
}

func TestBadEndpoint(t *testing.T) {
	_, err := Open(t.Context(), Options{Endpoints: at(t, "localhost")})
	if err == nil || !strings.Contains(err.Error(), "write an endpoint") || executor.Transient(err) {
		t.Errorf("error is %v, want one that says how to write an endpoint", err)
	}
}

// TestCancelledOpen: the error is that of the context, not the builder's.
func TestCancelledOpen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, Options{Endpoints: at(t, closedPort(t))}); err == nil || executor.Transient(err) {
		t.Errorf("error is %v, want one that is not to be tried again", err)
	}
}

// TestEmbedded: it is started when it is needed, is what it says it is, and is
// started again when it was lost.
func TestEmbedded(t *testing.T) {
	opts := embeddedOptions(t)
	if got := States(t.Context(), opts); len(got) != 1 || got[0].Name != "embedded" || got[0].State != "stopped" || got[0].Version != engine.Version {
		t.Errorf("before, the builders are %+v, want a stopped one", got)
	}
	f := open(t, opts)
	ports := f.Ports()
	if len(ports) != 1 {
		t.Fatalf("ports are %+v, want one", ports)
	}
	p := ports[0]
	if p.Name != "embedded" || p.Native != native || len(p.Platforms) > 0 || !slices.Contains(p.Runs, native) || p.Slots < 1 {
		t.Errorf("the port is %+v, want one of this machine's platform", p)
	}
	if got := States(t.Context(), opts); len(got) != 1 || got[0].State != "running" || got[0].Version != engine.Version || !slices.Equal(got[0].Platforms, p.Runs) {
		t.Errorf("running, the builders are %+v", got)
	}
	want, err := p.Builder.Build(t.Context(), request(t, "x"), ignore)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Stop(t.Context(), opts.Engine); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Builder.Build(t.Context(), request(t, "y"), ignore); !executor.Transient(err) {
		t.Errorf("with the builder gone the error is %v, want a transient one", err)
	}
	got, err := p.Builder.Build(t.Context(), request(t, "x"), ignore)
	if err != nil || got.Manifest.Digest != want.Manifest.Digest {
		t.Errorf("built again it is %+v, %v; want %+v", got, err, want)
	}
}

// TestDeclared: what is declared goes before what the builder says of itself.
func TestDeclared(t *testing.T) {
	opts := embeddedOptions(t)
	endpoint := start(t, opts)
	silent := closedPort(t)
	opts.Declared = []*schema.Builder{
		{Name: "arm", Endpoint: endpoint, Platforms: []string{"linux/arm64", "linux/arm/v7"}, Native: "linux/arm64", Slots: 7},
		{Name: "any", Endpoint: endpoint, Slots: 1},
	}
	ports := open(t, opts).Ports()
	if len(ports) != 2 {
		t.Fatalf("ports are %+v, want two", ports)
	}
	if p := ports[0]; p.Name != "arm" || p.Native != "linux/arm64" || p.Slots != 7 || !slices.Equal(p.Platforms, []string{"linux/arm64", "linux/arm/v7"}) {
		t.Errorf("the declared port is %+v", p)
	}
	if p := ports[1]; p.Name != "any" || p.Native != native || p.Slots != 1 || len(p.Platforms) > 0 || !slices.Contains(p.Runs, native) {
		t.Errorf("the port that says nothing is %+v", p)
	}
	opts.Declared = append(opts.Declared, &schema.Builder{Name: "gone", Endpoint: silent, Platforms: []string{"linux/s390x"}})
	got := States(t.Context(), opts)
	if len(got) != 3 || got[0].State != "running" || got[1].State != "running" || got[0].Platforms[0] != "linux/arm64" || got[1].Version == "" {
		t.Fatalf("states are %+v, want two that run", got)
	}
	if s := got[2]; s.Name != "gone" || s.Endpoint != silent || s.Version != "" || s.Platforms[0] != "linux/s390x" ||
		!strings.HasPrefix(s.State, "unreachable: ") || !strings.Contains(s.State, "connection refused") {
		t.Errorf("the state of the unreachable one is %+v", s)
	}
	ports = open(t, opts).Ports()
	if p := ports[2]; !executor.Lost(p.Lost) || !strings.Contains(p.Lost.Error(), "builder gone") || ports[0].Lost != nil {
		t.Errorf("the unreachable port is %+v, want one that is lost", p)
	}
	opts.Endpoints = []Endpoint{{Address: silent, Platforms: []string{"linux/riscv64"}}}
	if _, err := Open(t.Context(), opts); err == nil || !strings.Contains(err.Error(), silent) {
		t.Errorf("error is %v, want one about the endpoint of the command line", err)
	}
}

// TestReconnect: builds whose connection breaks fail for now, all of them, and
// the next ones are made over a new one. While nobody listens, that too is for
// now.
func TestReconnect(t *testing.T) {
	opts := embeddedOptions(t)
	proxy := testenv.NewProxy(t, "unix", strings.TrimPrefix(start(t, opts), "unix://"))
	opts.Endpoints = at(t, proxy.Endpoint)
	ports := open(t, opts).Ports()
	build := ports[0].Builder.Build
	const builds = 4
	var all, waiting sync.WaitGroup
	waiting.Add(builds)
	release := make(chan struct{})
	for range builds {
		req := request(t, "x")
		req.Dockerfile = []byte("FROM scratch\nCOPY file /\nRUN --mount=type=secret,id=wait,required=true [\"/none\"]\n")
		// The build waits for a secret, and that for the connection to break.
		req.Secrets = []executor.Secret{{ID: "wait", Value: func() ([]byte, error) {
			waiting.Done()
			<-release
			return nil, nil
		}}}
		req.NoCache = true
		req.Args = map[string]string{"N": t.TempDir()}
		req.Dockerfile = append([]byte("ARG N\n"), strings.Replace(string(req.Dockerfile), "RUN", "ARG N\nRUN", 1)...)
		all.Go(func() {
			if _, err := build(t.Context(), req, ignore); !executor.Lost(err) {
				t.Errorf("error is %v (%T), want one of a lost builder", err, err)
			}
		})
	}
	waiting.Wait()
	proxy.Cut()
	all.Wait()
	close(release)
	if _, err := build(t.Context(), request(t, "y"), ignore); err != nil {
		t.Errorf("after the loss: %v", err)
	}
	proxy.Close()
	if _, err := ports[0].Builder.(executor.Pinger).Ping(t.Context()); !executor.Lost(err) {
		t.Errorf("to a ping with nobody there: %v", err)
	}
	for range builds {
		all.Go(func() {
			if _, err := build(t.Context(), request(t, "z"), ignore); !executor.Transient(err) || !strings.Contains(err.Error(), proxy.Endpoint) {
				t.Errorf("error is %v, want a transient one that names %s", err, proxy.Endpoint)
			}
		})
	}
	all.Wait()
}

// TestSlotsForJobs: builders take as many builds at once as are asked for, where
// nothing says how many they have slots for.
func TestSlotsForJobs(t *testing.T) {
	many := 2*runtime.GOMAXPROCS(0) + 3
	for _, o := range []Options{{}, {Host: "tcp://h:1"}, {Endpoints: []Endpoint{{Address: "tcp://e:1"}}}} {
		o.Slots = many
		if got := o.members()[0].slots; got != many {
			t.Errorf("%+v: %d slots", o, got)
		}
		o.Slots = 1
		if got := o.members()[0].slots; got == 1 {
			t.Errorf("%+v: one slot", o)
		}
	}
	o := Options{Slots: many, Declared: []*schema.Builder{{Name: "b", Slots: 2}}}
	if got := o.members()[0].slots; got != 2 {
		t.Errorf("declared with 2, %d slots", got)
	}
}
