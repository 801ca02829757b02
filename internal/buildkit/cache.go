package buildkit

import (
	"maps"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
)

// cacheEntries are caches in the client's words. A directory that no cache has
// been written to yet is passed over: the client would make one.
func cacheEntries(caches []executor.Cache) []client.CacheOptionsEntry {
	var out []client.CacheOptionsEntry
	for _, c := range caches {
		if dir := c.Attrs["src"]; c.Type == "local" && dir != "" {
			if _, err := os.Stat(filepath.Join(dir, ocispec.ImageIndexFile)); err != nil {
				continue
			}
		}
		out = append(out, client.CacheOptionsEntry{Type: c.Type, Attrs: maps.Clone(c.Attrs)})
	}
	return out
}
