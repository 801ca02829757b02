package conformance

import (
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/imageindex"
)

// resultIsInTheStore: the manifest and all that it refers to, of the right
// size and content.
func resultIsInTheStore(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM "+baseName, "COPY main.go /src/", "RUN echo built > /built")
	req.Files = sources(t, map[string]string{"main.go": "package main\n"})
	result := b.build(t, req)
	desc := result.Manifest
	if desc.MediaType != ocispec.MediaTypeImageManifest || imageindex.FormatPlatform(desc.Platform) != b.Platform {
		t.Errorf("the descriptor is %+v, want an image manifest for %s", desc, b.Platform)
	}
	if len(desc.Annotations) != 0 || len(result.Attestations) != 0 {
		t.Errorf("the result is %+v, want no annotations and no attestations", result)
	}
	config := b.config(t, desc)
	if got := imageindex.FormatPlatform(&config.Platform); got != b.Platform {
		t.Errorf("the image is for %s, want %s", got, b.Platform)
	}
	layers := b.manifest(t, desc).Layers
	if len(layers) != len(config.RootFS.DiffIDs) {
		t.Fatalf("%d layers, but %d diff ids", len(layers), len(config.RootFS.DiffIDs))
	}
	for i, layer := range layers {
		if got := digest.FromBytes(plain(t, b.blob(t, layer))); got != config.RootFS.DiffIDs[i] {
			t.Errorf("layer %d is %s, want %s", i, got, config.RootFS.DiffIDs[i])
		}
	}
	b.wantFile(t, desc, "src/main.go", "package main\n")
	b.wantFile(t, desc, "built", "built\n")
}

// anotherPlatform needs no instruction to run, so any builder can do it.
func anotherPlatform(t *testing.T, b BuilderUnderTest) {
	for _, platform := range []string{"linux/arm64", "linux/s390x", "linux/arm/v7"} {
		req := b.request("FROM scratch", "COPY . /")
		req.Platform, req.Files = platform, sources(t, map[string]string{"f": "x"})
		desc := b.build(t, req).Manifest
		config := b.config(t, desc)
		if got := imageindex.FormatPlatform(desc.Platform); got != platform {
			t.Errorf("the descriptor is for %s, want %s", got, platform)
		}
		if got := imageindex.FormatPlatform(&config.Platform); got != platform {
			t.Errorf("the image is for %s, want %s", got, platform)
		}
	}
}

// againIsTheSame: the same request gives the same digest, also when nothing
// is taken from a cache, the files are in another place and have other times,
// owners' modes included.
func againIsTheSame(t *testing.T, b BuilderUnderTest) {
	entries := map[string]string{"a": "one", "d/b*": "two", "e/": "", "l -> d/b": ""}
	lines := []string{"FROM " + baseName, "COPY . /src", "RUN echo built > /src/d/built"}
	first := b.request(lines...)
	first.Files = sources(t, entries)
	want := b.build(t, first).Manifest
	again := b.request(lines...)
	again.Files, again.NoCache = sources(t, entries), true
	for _, f := range again.Files {
		if f.Digest != "" {
			if err := os.Chtimes(f.Origin, time.Time{}, time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, req := range []*executor.BuildRequest{first, again} {
		if got := b.build(t, req).Manifest; got.Digest != want.Digest || got.Size != want.Size {
			t.Errorf("built again it is %s, want %s", got.Digest, want.Digest)
		}
	}
}

// changesReachTheImage: each change of what decides a build gives another
// image, though the builder has just built the one before.
func changesReachTheImage(t *testing.T, b BuilderUnderTest) {
	entries := map[string]string{"a": "one", "d/b": "two", "e/": "", "l -> a": ""}
	change := func(remove, add, content string) func(*executor.BuildRequest) {
		return func(req *executor.BuildRequest) {
			changed := maps.Clone(entries)
			delete(changed, remove)
			if add != "" {
				changed[add] = content
			}
			req.Files = sources(t, changed)
		}
	}
	seen := map[digest.Digest]string{}
	for _, c := range []struct {
		name   string
		change func(*executor.BuildRequest)
	}{
		{"nothing", func(*executor.BuildRequest) {}},
		{"content of the same length", change("a", "a", "eno")},
		{"executable bit", change("a", "a*", "one")},
		{"name", change("a", "A", "one")},
		{"link", change("l -> a", "l -> d", "")},
		{"file for a link", change("l -> a", "l", "one")},
		{"directory", change("e/", "", "")},
		{"file for a directory", change("e/", "e", "")},
		{"one more", change("", "d/c", "")},
		{"Dockerfile", func(req *executor.BuildRequest) {
			req.Dockerfile = []byte(strings.Replace(string(req.Dockerfile), "/src", "/sources", 1))
		}},
		{"argument", func(req *executor.BuildRequest) { req.Args = map[string]string{"A": "x"} }},
		{"label", func(req *executor.BuildRequest) { req.Labels = map[string]string{"l": "x"} }},
	} {
		req := b.request("FROM "+baseName, "ARG A=y", "COPY . /src", "RUN echo $A > /a")
		req.Files = sources(t, entries)
		c.change(req)
		got := b.build(t, req).Manifest.Digest
		if other, ok := seen[got]; ok {
			t.Errorf("another %s gives the image of another %s", c.name, other)
		}
		seen[got] = c.name
	}
}

// argsTargetAndLabels: an argument of the request goes before the default,
// one that is not declared does nothing, and only stages that the target needs
// are built.
func argsTargetAndLabels(t *testing.T, b BuilderUnderTest) {
	req := b.request("ARG NAME=nobody", "ARG FROM="+baseName, "FROM $FROM AS first",
		"ARG GIVEN=default", "ARG LEFT=default", "ENV KEPT=$GIVEN", `LABEL from="file" both="file"`,
		"RUN echo $GIVEN $LEFT $UNDECLARED > /args",
		"FROM first AS second", "COPY --from=third /third /third",
		"FROM first AS broken", "RUN exit 7")
	req.Dockerfile = []byte(strings.Replace(string(req.Dockerfile), "FROM first AS second", "FROM first AS third\nRUN echo 3 > /third\nFROM first AS second", 1))
	req.Target = "second"
	req.Args = map[string]string{"GIVEN": "a b", "UNDECLARED": "x"}
	req.Labels = map[string]string{"both": "request", "org.test.odd": `a "b" = c, d`}
	desc := b.build(t, req).Manifest
	b.wantFile(t, desc, "args", "a b default\n")
	b.wantFile(t, desc, "third", "3\n")
	config := b.config(t, desc)
	want := map[string]string{"from": "file", "both": "request", "org.test.odd": `a "b" = c, d`}
	if !maps.Equal(config.Config.Labels, want) {
		t.Errorf("labels are %v, want %v", config.Config.Labels, want)
	}
	if env := strings.Join(config.Config.Env, "\n"); !strings.Contains(env, "KEPT=a b") || strings.Contains(env, "GIVEN") {
		t.Errorf("the environment is %q, want KEPT and no argument", env)
	}
	req.Target = "broken"
	if _, _, err := b.try(t.Context(), t, req); err == nil {
		t.Error("the target was built without its last instruction")
	}
}

func annotationsAreOnTheImage(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM scratch", "COPY . /")
	req.Files = sources(t, map[string]string{"f": ""})
	req.Annotations = map[string]string{"org.test.team": "acme", "org.test.odd": `x = "y"`}
	if got := b.manifest(t, b.build(t, req).Manifest).Annotations; !maps.Equal(got, req.Annotations) {
		t.Errorf("annotations are %v, want %v", got, req.Annotations)
	}
}
