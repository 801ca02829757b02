package buildkit_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/buildkit"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/testenv"
	"github.com/stowage-build/stowage/planner"
)

const platform = "linux/amd64"

// bench is a client with a store that has the base image.
type bench struct {
	*buildkit.Client
	store store
	base  executor.NamedImage
}

// TestBuildKit has what a builder in memory has not: networks, registries,
// caches, frontends, attestations.
func TestBuildKit(t *testing.T) {
	endpoint, base := start(t), readBase(t)
	for name, test := range map[string]func(*testing.T, *bench){
		"Networks":           networks,
		"RemoteContexts":     remoteContexts,
		"SyntaxLine":         syntaxLine,
		"SecondTimeIsCached": secondTimeIsCached,
		"Attestations":       attestations,
		"NameOfOtherBytes":   nameOfOtherBytes,
		"PipeInPlaceOfAFile": pipeInPlaceOfAFile,
		"SharedFileChanges":  sharedFileChanges,
		"SessionEnds":        sessionEnds,
		"NoSpace":            noSpaceLeft,
		"SecretsStayApart":   secretsStayApart,
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			test(t, &bench{connect(t, endpoint, s), s, executor.NamedImage{Name: "base", Platform: platform, Descriptor: s.add(t, base)}})
		})
	}
}

func (b *bench) request(lines ...string) *executor.BuildRequest {
	epoch := int64(0)
	return &executor.BuildRequest{
		Node: "app:" + platform, Platform: platform, Dockerfile: []byte(strings.Join(lines, "\n")),
		DockerfileName: "Dockerfile", Images: []executor.NamedImage{b.base}, Epoch: &epoch,
	}
}

// run builds and returns what its instructions wrote, and those that were cached.
func (b *bench) run(t *testing.T, req *executor.BuildRequest) (result *executor.BuildResult, output string, cached []string) {
	t.Helper()
	var out strings.Builder
	result, err := b.Build(t.Context(), req, func(p executor.Progress) {
		switch {
		case p.Log != nil:
			out.Write(p.Log.Data)
		case p.Vertex.Cached:
			cached = append(cached, p.Vertex.Name)
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return result, out.String(), cached
}

func ignore(executor.Progress) {}

// interfaces are the names in /proc/net/dev.
func interfaces(text string) []string {
	var names []string
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	slices.Sort(names)
	return names
}

// networks: none has the loopback interface only; the host's has to be
// allowed, and the error says how.
func networks(t *testing.T, b *bench) {
	own, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		network string
		allow   []string
		want    []string
	}{
		{"none", nil, []string{"lo"}},
		{"host", []string{"network.host"}, interfaces(string(own))},
	} {
		req := b.request("FROM base", "RUN cat /proc/net/dev")
		req.Network, req.Allow = c.network, c.allow
		if _, out, _ := b.run(t, req); !slices.Equal(interfaces(out), c.want) {
			t.Errorf("with network %s the interfaces are %q, want %q", c.network, interfaces(out), c.want)
		}
	}
	req := b.request("FROM base", "RUN true")
	req.Network = "host"
	_, err = b.Build(t.Context(), req, ignore)
	var failed *executor.BuildError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "--allow network.host") {
		t.Errorf("without leave the error is %v, want how to give it", err)
	}
}

// remoteContexts are pulled by the builder; an image of the store that has the
// same name goes before.
func remoteContexts(t *testing.T, b *bench) {
	registry := testenv.NewRegistry(t)
	image := "docker-image://" + testenv.BaseImage(t, registry).Name()
	req := b.request("FROM registry.test/base:1", "COPY --from=tools /etc/passwd /tool", "RUN cat /tool")
	req.RemoteContexts = map[string]string{"registry.test/base:1": image, "tools": image}
	if _, out, _ := b.run(t, req); !strings.Contains(out, "root:") {
		t.Errorf("output is %q", out)
	}
	stored, err := fake.WriteImage(t.Context(), b.store, fake.ImageSpec{Platform: platform, Layers: []string{"from the store"}})
	if err != nil {
		t.Fatal(err)
	}
	req = b.request("FROM base", "COPY --from=tools:1 /file /tool", "RUN cat /tool")
	req.Images = append(req.Images, executor.NamedImage{Name: "tools:1", Platform: platform, Descriptor: stored.Manifest})
	req.RemoteContexts = map[string]string{"tools:1": image}
	if _, out, _ := b.run(t, req); !strings.Contains(out, "from the store") {
		t.Errorf("output is %q, want that of the store's image", out)
	}
}

// syntaxLine: the frontend that is built in is not pulled.
func syntaxLine(t *testing.T, b *bench) {
	for _, ref := range []string{"docker/dockerfile:1", "docker/dockerfile", "docker.io/docker/dockerfile:1.7"} {
		b.run(t, b.request("# syntax="+ref, "FROM base", "RUN true"))
	}
}

func secondTimeIsCached(t *testing.T, b *bench) {
	req := b.request("FROM base", "RUN echo cached-or-not")
	ran := func(name string) bool { return strings.Contains(name, "RUN echo") }
	if _, out, cached := b.run(t, req); !strings.Contains(out, "cached-or-not") || slices.ContainsFunc(cached, ran) {
		t.Errorf("at first the output is %q and %q are cached", out, cached)
	}
	if _, out, cached := b.run(t, req); out != "" || !slices.ContainsFunc(cached, ran) {
		t.Errorf("then the output is %q and %q are cached", out, cached)
	}
	req.NoCacheStages = []string{"last"}
	req.Dockerfile = []byte("FROM base AS first\nRUN echo cached-or-not\nFROM first AS last\nRUN echo in-the-last")
	for range 2 {
		if _, out, cached := b.run(t, req); strings.Contains(out, "cached-or-not") || !strings.Contains(out, "in-the-last") || !slices.ContainsFunc(cached, ran) {
			t.Errorf("without cache in one stage the output is %q and %q are cached", out, cached)
		}
	}
	req.Dockerfile = []byte("FROM base\nRUN echo cached-or-not")
	req.NoCacheStages, req.NoCache = nil, true
	if _, out, _ := b.run(t, req); !strings.Contains(out, "cached-or-not") {
		t.Errorf("without cache the output is %q", out)
	}
}

// attestations are apart from the image, which is the same as without them.
func attestations(t *testing.T, b *bench) {
	req := b.request("FROM base", "RUN true")
	plain, _, _ := b.run(t, req)
	req.Provenance = "max"
	got, _, _ := b.run(t, req)
	if got.Manifest.Digest != plain.Manifest.Digest || len(got.Manifest.Annotations) != 0 || len(got.Attestations) != 1 {
		t.Fatalf("with provenance the result is %+v, without it %+v", got, plain)
	}
	about := got.Attestations[0]
	if about.Annotations["vnd.docker.reference.digest"] != got.Manifest.Digest.String() {
		t.Errorf("the attestation is %+v, want one about %s", about, got.Manifest.Digest)
	}
	if _, err := content.ReadBlob(t.Context(), b.store.Content(), about); err != nil {
		t.Error(err)
	}
}

// file is a source file with the content.
func file(t *testing.T, name, text string) planner.File {
	t.Helper()
	f := planner.File{
		Path: name, Type: planner.FileRegular, Size: int64(len(text)), Digest: digest.FromString(text).Encoded(),
		Origin: filepath.Join(t.TempDir(), "origin"),
	}
	if err := os.WriteFile(f.Origin, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// nameOfOtherBytes: names need not be UTF-8.
func nameOfOtherBytes(t *testing.T, b *bench) {
	req := b.request("FROM base", "COPY . /src", "RUN cat /src/*")
	req.Files = []planner.File{file(t, "caf\xe9", "found")}
	if _, out, _ := b.run(t, req); !strings.Contains(out, "found") {
		t.Errorf("output is %q", out)
	}
}

// pipeInPlaceOfAFile: a build does not wait for who writes to it.
func pipeInPlaceOfAFile(t *testing.T, b *bench) {
	req := b.request("FROM scratch", "COPY . /")
	f := file(t, "f", "text")
	f.Origin += ".pipe"
	if err := unix.Mkfifo(f.Origin, 0o600); err != nil {
		t.Fatal(err)
	}
	req.Files = []planner.File{f}
	if _, err := b.Build(t.Context(), req, ignore); err == nil || !strings.Contains(err.Error(), f.Origin) {
		t.Errorf("error is %v, want one that names %s", err, f.Origin)
	}
}

// sharedFileChanges: a file that two builds have in their contexts is sent once.
// When it is not what was hashed both fail, and none waits for the rest.
func sharedFileChanges(t *testing.T, b *bench) {
	f := file(t, "f", "as planned")
	if err := os.WriteFile(f.Origin, []byte("AS PLANNED"), 0o600); err != nil {
		t.Fatal(err)
	}
	failures := make(chan error, 2)
	for _, instruction := range []string{"RUN true", "RUN echo"} {
		req := b.request("FROM base", "COPY . /src", instruction)
		req.Files = []planner.File{f}
		go func() {
			_, err := b.Build(t.Context(), req, ignore)
			failures <- err
		}()
	}
	for range 2 {
		if err := <-failures; err == nil || !strings.Contains(err.Error(), "changed after it was hashed") {
			t.Errorf("error is %v, want that the file changed", err)
		}
	}
	if err := os.WriteFile(f.Origin, []byte("as planned"), 0o600); err != nil {
		t.Fatal(err)
	}
	req := b.request("FROM base", "COPY . /src", "RUN cat /src/f")
	req.Files = []planner.File{f}
	if _, out, _ := b.run(t, req); out != "as planned" {
		t.Errorf("then the output is %q", out)
	}
}

// sessionEnds: a build whose session ends may be tried again, in another one.
func sessionEnds(t *testing.T, b *bench) {
	req := b.request("FROM base", "RUN echo session-ends && sleep 0.5")
	_, err := b.Build(t.Context(), req, func(p executor.Progress) {
		if p.Log != nil {
			b.EndSession()
		}
	})
	if !executor.Transient(err) {
		t.Fatalf("error is %v, want a transient one", err)
	}
	b.run(t, req)
}

// noSpaceLeft: a program that wrote of no space left is told from one that
// failed for another reason.
func noSpaceLeft(t *testing.T, b *bench) {
	for instruction, want := range map[string]bool{
		"RUN --mount=type=tmpfs,target=/t,size=65536 dd if=/dev/zero of=/t/file bs=1000 count=100": true,
		"RUN false": false,
	} {
		_, err := b.Build(t.Context(), b.request("FROM base", instruction), ignore)
		var failed *executor.BuildError
		if !errors.As(err, &failed) || failed.NoSpace != want || executor.Transient(err) {
			t.Errorf("%s: %+v, %v; want it told: %v", instruction, failed, err, want)
		}
	}
}

// secretsStayApart: builds at the same time get their own secrets.
func secretsStayApart(t *testing.T, b *bench) {
	outputs := make(chan string, 4)
	for _, value := range []string{"one", "two", "three", "four"} {
		req := b.request("FROM base", "RUN --mount=type=secret,id=s sha256sum /run/secrets/s && echo "+value)
		req.Secrets = []executor.Secret{{ID: "s", Value: func() ([]byte, error) { return []byte(value), nil }}}
		go func() {
			var out strings.Builder
			_, err := b.Build(t.Context(), req, func(p executor.Progress) {
				if p.Log != nil {
					out.Write(p.Log.Data)
				}
			})
			if err != nil || !strings.Contains(out.String(), digest.FromString(value).Encoded()) {
				outputs <- fmt.Sprintf("%s: %q, %v", value, out.String(), err)
				return
			}
			outputs <- ""
		}()
	}
	for range 4 {
		if wrong := <-outputs; wrong != "" {
			t.Error(wrong)
		}
	}
}
