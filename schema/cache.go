package schema

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/tonistiigi/go-csvvalue"
)

// Cache is a place where a builder's cache is read from or written to.
type Cache struct {
	// Type is registry, local, inline, gha, s3 or azblob.
	Type string
	// Attrs are BuildKit's. Directories are absolute or relative to the
	// workspace root.
	Attrs map[string]string
}

// cacheAttributes are those of one type of cache, as BuildKit's own
// documentation of cache storage backends has them: of both directions, of
// reading only, and of writing only. The first of required is enough of each.
type cacheAttributes struct {
	both, from, to         []string
	requiredFrom, required []string
}

// ofExports are what writing a cache of any type but inline takes.
var ofExports = []string{"mode", "ignore-error", "compression", "compression-level", "force-compression", "oci-mediatypes", "image-manifest"}

func cacheTypes() map[string]cacheAttributes {
	ofObjects := []string{"prefix", "manifests_prefix", "blobs_prefix", "name"}
	return map[string]cacheAttributes{
		"registry": {both: []string{"ref", "registry.insecure"}, to: ofExports, requiredFrom: []string{"ref"}, required: []string{"ref"}},
		"local": {
			both: []string{"tag"}, from: []string{"src", "digest"}, to: append([]string{"dest", "reset"}, ofExports...),
			requiredFrom: []string{"src"}, required: []string{"dest"},
		},
		"inline": {},
		"gha":    {both: []string{"scope", "timeout", "repository", "version", "url", "url_v2"}, to: ofExports},
		"s3": {
			both: append([]string{"bucket", "region", "endpoint_url", "use_path_style", "disable_accept_encoding", "retry_mode", "retry_max_attempts"}, ofObjects...),
			to:   append([]string{"touch_refresh", "upload_parallelism"}, ofExports...), requiredFrom: []string{"bucket", "region"}, required: []string{"bucket", "region"},
		},
		"azblob": {both: append([]string{"account_url", "account_name", "container"}, ofObjects...), to: ofExports},
	}
}

// cacheCredentials are attributes whose values come from the environment.
var cacheCredentials = []string{"access_key_id", "secret_access_key", "session_token", "token", "ghtoken"}

// readCaches reads cache_from or cache_to: elements are REF, for a registry, or
// type=TYPE,KEY=VALUE,… as other BuildKit clients take them.
func (ev *evaluation) readCaches(name string, to *[]Cache) {
	list, ok := ev.list(name)
	if !ok {
		return
	}
	*to = nil
	for _, l := range list {
		if c, ok := ev.cache(name, l); ok {
			*to = append(*to, c)
		}
	}
}

func (ev *evaluation) cache(name string, l located) (Cache, bool) {
	fields, err := csvvalue.Fields(l.text, nil)
	if err != nil || strings.TrimSpace(l.text) == "" {
		ev.fail(l.rng, "Bad cache", "%q in %s is neither an image reference nor type=TYPE,KEY=VALUE,…", l.text, name)
		return Cache{}, false
	}
	if len(fields) == 1 && !strings.Contains(fields[0], "=") {
		return Cache{Type: "registry", Attrs: map[string]string{"ref": fields[0]}}, ev.checkImage(fields[0], l.rng)
	}
	c := Cache{Attrs: map[string]string{}}
	for _, field := range fields {
		key, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			ev.fail(l.rng, "Bad cache", "Write KEY=VALUE in %s, not %q.", name, field)
			return c, false
		}
		if key = strings.ToLower(key); key == "type" {
			c.Type = value
		} else {
			c.Attrs[key] = value
		}
	}
	return c, ev.checkCache(name, c, l)
}

func (ev *evaluation) checkCache(name string, c Cache, l located) bool {
	types := cacheTypes()
	known, ok := types[c.Type]
	if !ok {
		names := slices.Sorted(maps.Keys(types))
		ev.fail(l.rng, "Unknown type of cache", "%s is of type %s, not %q.%s", name, oneOf(names), c.Type, didYouMean(c.Type, names, nil))
		return false
	}
	attributes, required := slices.Concat(known.both, known.from), known.requiredFrom
	if name == "cache_to" {
		attributes, required = slices.Concat(known.both, known.to), known.required
	} else if c.Type == "inline" {
		ev.fail(l.rng, "Unknown type of cache", "What type=inline wrote is in an image: read it with type=registry,ref=IMAGE.")
		return false
	}
	for _, key := range slices.Sorted(maps.Keys(c.Attrs)) {
		switch {
		case slices.Contains(cacheCredentials, key):
			ev.fail(l.rng, "Credentials in the configuration", "%s has %s in it, and the configuration is shown. Credentials come from the environment: see docs/config.md.", name, key)
			return false
		case !slices.Contains(attributes, key):
			ev.fail(l.rng, "Unknown attribute of a cache", "%s of type %s has no %q.%s", name, c.Type, key, orElse(didYouMean(key, attributes, nil), " It has: "+oneOf(attributes)+"."))
			return false
		}
	}
	for _, key := range required {
		if c.Attrs[key] == "" {
			ev.fail(l.rng, "Incomplete cache", "%s of type %s needs %s=…", name, c.Type, key)
			return false
		}
	}
	return ev.checkCacheValues(name, c, l)
}

// checkCacheValues checks what can be checked here, and makes directories
// relative to the root.
func (ev *evaluation) checkCacheValues(name string, c Cache, l located) bool {
	if mode, ok := c.Attrs["mode"]; ok && mode != "min" && mode != "max" {
		ev.fail(l.rng, "Unknown value", "The mode of a cache is \"min\" (the layers of the image) or \"max\" (of all stages), not %q.", mode)
		return false
	}
	if ref, ok := c.Attrs["ref"]; ok && !ev.checkImage(ref, l.rng) {
		return false
	}
	for _, key := range []string{"src", "dest"} {
		dir := c.Attrs[key]
		if dir == "" || path.IsAbs(dir) {
			continue
		}
		full, err := resolve(ev.scalar(name).scope.dir, dir)
		if err != nil {
			ev.fail(l.rng, "Bad path", "%q in %s: %s.", dir, name, err)
			return false
		}
		c.Attrs[key] = full
	}
	return true
}
