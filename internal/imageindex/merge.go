package imageindex

import (
	"fmt"
	"maps"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Clone copies the index, so that adding entries or annotations to the copy
// leaves the original as it is.
func Clone(idx *ocispec.Index) *ocispec.Index {
	c := *idx
	c.Manifests = slices.Clone(idx.Manifests)
	c.Annotations = maps.Clone(idx.Annotations)
	return &c
}

// Annotate adds those annotations to the index that are not empty.
func Annotate(idx *ocispec.Index, annotations map[string]string) {
	for k, v := range annotations {
		if v == "" {
			continue
		}
		if idx.Annotations == nil {
			idx.Annotations = map[string]string{}
		}
		idx.Annotations[k] = v
	}
}

// ParsePlatforms normalises platforms.
func ParsePlatforms(platforms []string) ([]string, error) {
	all := make([]string, 0, len(platforms))
	for _, s := range platforms {
		p, err := ParsePlatform(s)
		if err != nil {
			return nil, err
		}
		all = append(all, FormatPlatform(&p))
	}
	return all, nil
}

// Merging says how Merge joins two indexes.
type Merging struct {
	// Platforms are those that the result must have, normalised, in their
	// order. Empty is all that the local index has.
	Platforms []string
	// Order, when it is known, is that of all platforms which there may be:
	// then the result does not depend on who pushed first.
	Order []string
	// Overwrite lets local images take the place of remote ones.
	Overwrite bool
	// HashKey is the annotation with the input hash. A remote index with
	// another hash is of other inputs, and nothing of it is kept. One without
	// a hash is kept.
	HashKey string
}

// Merge returns the index to push over remote (nil when there is none), and
// the images of local that must be there before it. Platforms that remote has
// and local does not are kept. When there is nothing to push, the result is
// remote itself.
//
// The order is that of Platforms when these are all that there is. Otherwise
// remote's platforms keep their places and new ones come after them.
func Merge(remote, local *ocispec.Index, how Merging) (*ocispec.Index, []ocispec.Descriptor, error) {
	if other := hashOf(remote, how.HashKey); other != "" && other != hashOf(local, how.HashKey) && hashOf(local, how.HashKey) != "" {
		remote = nil
	}
	merged := New()
	if remote != nil {
		merged = Clone(remote)
	}
	platforms := how.Platforms
	if len(platforms) == 0 {
		platforms = Platforms(local)
	}
	order := how.Order
	if len(order) == 0 {
		order = mergedOrder(Platforms(merged), platforms)
	}
	var push []ocispec.Descriptor
	for _, p := range platforms {
		_, there := Find(merged, p)
		d, here := Find(local, p)
		switch {
		case there && (!how.Overwrite || !here):
			continue
		case !here:
			return nil, nil, fmt.Errorf("platform %s is neither in the store nor in the registry", p)
		}
		push = append(push, d)
		Put(merged, *d.Platform, d, Attestations(local, d.Digest))
	}
	if len(push) == 0 && remote != nil {
		return remote, nil, nil
	}
	Annotate(merged, local.Annotations)
	Sort(merged, order)
	return merged, push, nil
}

// mergedOrder is the order of the merged index. Who names all platforms that
// are there decides. Who names some of them leaves the others in their places,
// or pushes of single platforms would keep changing the index.
func mergedOrder(there, named []string) []string {
	others := slices.ContainsFunc(there, func(p string) bool { return !slices.Contains(named, p) })
	if !others {
		return named
	}
	order := slices.Clone(there)
	for _, p := range named {
		if !slices.Contains(there, p) {
			order = append(order, p)
		}
	}
	return order
}

func hashOf(idx *ocispec.Index, key string) string {
	if idx == nil {
		return ""
	}
	return idx.Annotations[key]
}
