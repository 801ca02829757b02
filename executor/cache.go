package executor

import (
	"maps"
	"path"
	"path/filepath"
	"strings"

	"github.com/distribution/reference"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// Cache is a place where a builder reads its cache from or writes it to, in
// BuildKit's words. Directories are absolute.
type Cache struct {
	Type  string
	Attrs map[string]string
}

// caches are a package's caches for the build of one of its platforms. Each
// platform is a build of its own, which would write over what another has
// written. So in packages with several platforms each writes beside the others,
// under a name with its platform, and reads that as well as the plain one.
func (s *ResolvedSpecs) caches(p *planner.Package, platform string) (from, to []Cache) {
	suffix := ""
	if len(p.Platforms) > 1 {
		suffix = strings.ReplaceAll(strings.TrimPrefix(platform, "linux/"), "/", "-")
	}
	for _, c := range p.CacheTo {
		if c, ok := s.cache(c, suffix); ok {
			to = append(to, c)
		}
	}
	for _, c := range p.CacheFrom {
		own, ok := s.cache(c, suffix)
		if !ok {
			continue
		}
		from = append(from, own)
		if plain, _ := s.cache(c, ""); !maps.Equal(plain.Attrs, own.Attrs) {
			from = append(from, plain)
		}
	}
	return from, to
}

// cache is one cache with credentials and absolute paths, under a name with the
// suffix. One of GitHub's is left out where there is no workflow.
func (s *ResolvedSpecs) cache(c schema.Cache, suffix string) (Cache, bool) {
	attrs := map[string]string{}
	if s.CacheAttrs != nil {
		maps.Copy(attrs, s.CacheAttrs(c.Type))
	}
	maps.Copy(attrs, c.Attrs)
	if c.Type == "gha" && (attrs["token"] == "" || attrs["url"] == "" && attrs["url_v2"] == "") {
		return Cache{}, false
	}
	for _, key := range []string{"src", "dest"} {
		if dir := attrs[key]; dir != "" {
			attrs[key] = s.inRoot(dir)
			if suffix != "" && attrs["digest"] == "" {
				attrs[key] = filepath.Join(attrs[key], suffix)
			}
		}
	}
	if suffix != "" {
		addSuffix(c.Type, attrs, suffix)
	}
	return Cache{Type: c.Type, Attrs: attrs}, true
}

// addSuffix gives a cache that is not a directory a name of a platform's.
func addSuffix(kind string, attrs map[string]string, suffix string) {
	const usual = "buildkit" // BuildKit's own name and scope
	switch kind {
	case "registry":
		named, err := reference.ParseNormalizedNamed(attrs["ref"])
		if _, digested := named.(reference.Digested); err == nil && !digested {
			attrs["ref"] = reference.TagNameOnly(named).String() + "-" + suffix
		}
	case "gha":
		attrs["scope"] = orElse(attrs["scope"], usual) + "-" + suffix
	case "s3", "azblob":
		attrs["name"] = orElse(attrs["name"], usual) + "-" + suffix
	}
}

// inRoot makes a slash-separated path absolute.
func (s *ResolvedSpecs) inRoot(name string) string {
	if path.IsAbs(name) {
		return filepath.FromSlash(name)
	}
	return filepath.Join(s.Root, filepath.FromSlash(name))
}
