package buildkit

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
)

func TestContextName(t *testing.T) {
	for in, want := range map[string]string{
		"base":                            "base",
		"base:latest":                     "base",
		"docker.io/library/base:1":        "base:1",
		"docker.io/acme/base":             "acme/base",
		"ghcr.io/acme/base:latest":        "ghcr.io/acme/base",
		"localhost:5000/base:1":           "localhost:5000/base:1",
		"base:1@sha256:" + sixtyFour("a"): "base:1@sha256:" + sixtyFour("a"),
		"ghcr.io/a/latest:latest":         "ghcr.io/a/latest",
		"registry.test/a/b/c:v1-_.Good":   "registry.test/a/b/c:v1-_.Good",
	} {
		if got, err := contextName(in); err != nil || got != want {
			t.Errorf("%s becomes %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "Base", "a b", "base:", "base@sha256:short"} {
		if got, err := contextName(in); err == nil || !strings.Contains(err.Error(), in) {
			t.Errorf("%q becomes %q, %v; want an error", in, got, err)
		}
	}
}

func sixtyFour(digit string) string { return strings.Repeat(digit, 64) }

// TestCacheEntries: a directory without a cache is passed over, and not made.
func TestCacheEntries(t *testing.T) {
	dir := t.TempDir()
	filled := filepath.Join(dir, "filled")
	if err := errors.Join(os.Mkdir(filled, 0o755), os.WriteFile(filepath.Join(filled, "index.json"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	got := cacheEntries([]executor.Cache{
		{Type: "registry", Attrs: map[string]string{"ref": "x:1"}}, {Type: "local", Attrs: map[string]string{"src": filepath.Join(dir, "none")}},
		{Type: "local", Attrs: map[string]string{"src": filled}}, {Type: "local", Attrs: map[string]string{"dest": filepath.Join(dir, "new")}},
	})
	var kinds []string
	for _, e := range got {
		kinds = append(kinds, e.Type+" "+filepath.Base(e.Attrs["src"]+e.Attrs["ref"]+e.Attrs["dest"]))
	}
	if want := []string{"registry x:1", "local filled", "local new"}; !slices.Equal(kinds, want) {
		t.Errorf("entries are %q, want %q", kinds, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("the directory was made")
	}
}

// TestFrontendAttrs: what of a request reaches the frontend, and that nothing
// is set that was not asked for.
func TestFrontendAttrs(t *testing.T) {
	got := frontendAttrs(&executor.BuildRequest{Platform: "linux/arm64", DockerfileName: "../out/Dockerfile", Network: "default"})
	if want := map[string]string{"platform": "linux/arm64", "filename": "out/Dockerfile"}; !maps.Equal(got, want) {
		t.Errorf("attributes are %v, want %v", got, want)
	}
	epoch := int64(7)
	got = frontendAttrs(&executor.BuildRequest{
		Platform: "linux/arm64", DockerfileName: "Dockerfile", Target: "t", Args: map[string]string{"A": "b"}, Labels: map[string]string{"l": "m"},
		Network: "none", NoCache: true, Frontend: "f@sha256:1", Epoch: &epoch, Provenance: "min", SBOM: true, Scanner: "s:1",
		ShmSize: 1024, Ulimits: []string{"nofile=1:2", "nproc=3:3"}, CgroupParent: "/x", Pull: true,
		ExtraHosts: map[string]string{"b": "::1", "a": "10.0.0.1"}, NoCacheStages: []string{"one"},
		Dockerfile: []byte("# syntax=docker/dockerfile:1.7 arg\nFROM x"),
	})
	want := map[string]string{
		"platform": "linux/arm64", "filename": "Dockerfile", "target": "t", "build-arg:A": "b", "label:l": "m",
		"force-network-mode": "none", "no-cache": "", "build-arg:SOURCE_DATE_EPOCH": "7",
		"shm-size": "1024", "ulimit": "nofile=1:2,nproc=3:3", "add-hosts": "a=10.0.0.1,b=::1", "cgroup-parent": "/x",
		"image-resolve-mode": "pull",
		"attest:provenance":  "mode=min", "attest:sbom": "generator=s:1", "cmdline": "docker/dockerfile:1.7 arg",
		"build-arg:BUILDKIT_SYNTAX": "f@sha256:1 arg",
	}
	if !maps.Equal(got, want) {
		t.Errorf("attributes are %v, want %v", got, want)
	}
}

// TestNoCacheStages: a name that no stage has is an error.
func TestNoCacheStages(t *testing.T) {
	req := &executor.BuildRequest{Dockerfile: []byte("FROM x AS Build\nFROM y AS other\nFROM z"), DockerfileName: "app/Dockerfile", NoCacheStages: []string{"build", "other"}}
	if err := checkStages(req); err != nil {
		t.Error(err)
	}
	if got := surroundingAttrs(req)["no-cache"]; got != "build,other" {
		t.Errorf("no-cache is %q", got)
	}
	req.NoCacheStages = []string{"build", "biuld"}
	if err := checkStages(req); err == nil || !strings.Contains(err.Error(), `no stage "biuld"`) {
		t.Errorf("error is %v", err)
	}
}
