package executor_test

import (
	"maps"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/schema"
)

// caches are those of the builds of a package for platforms, one of them asked for.
func caches(t *testing.T, s *executor.ResolvedSpecs, platform string) (from, to []executor.Cache) {
	t.Helper()
	spec, err := s.Build("app", platform)
	if err != nil {
		t.Fatal(err)
	}
	return spec.Request.CacheFrom, spec.Request.CacheTo
}

func cacheSpecs(t *testing.T, platforms []string, from, to []schema.Cache) *executor.ResolvedSpecs {
	t.Helper()
	s := resolved(t, "1")
	p := s.Resolved.Package("app")
	p.Platforms, p.CacheFrom, p.CacheTo = platforms, from, to
	s.Root = "/root"
	s.CacheAttrs = func(kind string) map[string]string { return map[string]string{"of": kind} }
	return s
}

func TestCachesOfOnePlatform(t *testing.T) {
	s := cacheSpecs(t, []string{amd64},
		[]schema.Cache{{Type: "local", Attrs: map[string]string{"src": "a/b"}}, {Type: "gha", Attrs: map[string]string{}}},
		[]schema.Cache{{Type: "local", Attrs: map[string]string{"dest": "/abs"}}, {Type: "registry", Attrs: map[string]string{"ref": "x/y"}}})
	from, to := caches(t, s, amd64)
	expectCaches(t, from, map[string]string{"src": "/root/a/b", "of": "local"})
	expectCaches(t, to, map[string]string{"dest": "/abs", "of": "local"}, map[string]string{"ref": "x/y", "of": "registry"})
}

// Platforms do not write over each other's caches.
func TestCachesOfPlatforms(t *testing.T) {
	pinned := "x/y@sha256:0123456789012345678901234567890123456789012345678901234567890123"
	all := []schema.Cache{
		{Type: "local", Attrs: map[string]string{"src": "a"}}, {Type: "registry", Attrs: map[string]string{"ref": "x/y:1"}},
		{Type: "registry", Attrs: map[string]string{"ref": pinned}}, {Type: "s3", Attrs: map[string]string{"bucket": "b"}},
	}
	s := cacheSpecs(t, []string{amd64, arm64}, all, []schema.Cache{{Type: "inline", Attrs: map[string]string{}}, {Type: "gha", Attrs: map[string]string{"token": "t", "url": "u", "scope": "s"}}})
	from, to := caches(t, s, arm64)
	expectCaches(t, from,
		map[string]string{"src": "/root/a/arm64", "of": "local"}, map[string]string{"src": "/root/a", "of": "local"},
		map[string]string{"ref": "docker.io/x/y:1-arm64", "of": "registry"}, map[string]string{"ref": "x/y:1", "of": "registry"},
		map[string]string{"ref": pinned, "of": "registry"},
		map[string]string{"bucket": "b", "name": "buildkit-arm64", "of": "s3"}, map[string]string{"bucket": "b", "of": "s3"})
	expectCaches(t, to, map[string]string{"of": "inline"}, map[string]string{"token": "t", "url": "u", "scope": "s-arm64", "of": "gha"})
}

func expectCaches(t *testing.T, got []executor.Cache, want ...map[string]string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("%v is missing", want[i])
		case i >= len(want):
			t.Errorf("%v is too many", got[i])
		case !maps.Equal(got[i].Attrs, want[i]):
			t.Errorf("cache %d is %v, want %v", i, got[i].Attrs, want[i])
		}
	}
}
