package layout

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
	"github.com/stowage-build/stowage/planner"
)

// Match returns the references in the store, sorted, that one of the patterns
// matches: a reference, or a pattern in which * stands for any characters and ?
// for any one. A pattern that matches nothing is an error. What is returned
// stays in the store until this Store is closed, as if it had been looked up.
func (s *Store) Match(ctx context.Context, patterns []string) (refs []string, err error) {
	err = s.content.pins.hold(ctx, func() ([]string, error) {
		c, err := s.index.load()
		if err != nil {
			return nil, fmt.Errorf("look for images in the store: %w", err)
		}
		if refs, err = c.match(patterns); err != nil {
			return nil, err
		}
		var keys []string
		for _, ref := range refs {
			keys = append(keys, pinEntry(c.byRef[ref])...)
		}
		return keys, nil
	})
	return refs, err
}

func (c *catalog) match(patterns []string) ([]string, error) {
	refs := c.refs()
	var found []string
	for _, pattern := range patterns {
		matches := matcher(pattern)
		before := len(found)
		for _, ref := range refs {
			if matches(ref) {
				found = append(found, ref)
			}
		}
		if len(found) == before {
			return nil, fmt.Errorf("the store has no image %s; stowage store ls lists what it has", pattern)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func matcher(pattern string) func(string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return func(ref string) bool { return ref == pattern }
	}
	text := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile(`^(?s:` + text + `)$`).MatchString
}

// Remove removes the images that the patterns match (see Match) from
// index.json, with the lists of artifacts about them, and returns their
// references. Their blobs stay until Collect. When a pattern matches nothing,
// nothing is removed.
func (s *Store) Remove(ctx context.Context, patterns []string) ([]string, error) {
	refs, err := s.remove(ctx, patterns)
	if err != nil {
		return nil, fmt.Errorf("remove from the store: %w", err)
	}
	return refs, nil
}

func (s *Store) remove(ctx context.Context, patterns []string) ([]string, error) {
	unlock, err := s.alone(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	current, err := s.index.load()
	if err != nil {
		return nil, err
	}
	refs, err := current.match(patterns)
	if err != nil || len(refs) == 0 {
		return nil, err
	}
	gone := map[string]bool{}
	for _, ref := range refs {
		gone[ref] = true
	}
	for _, ref := range refs {
		for _, list := range current.listsAbout(ref, gone) {
			gone[list] = true
		}
	}
	return refs, s.writeIndexFile(current, current.without(gone))
}

// listsAbout returns the reference of the list of artifacts about what ref
// stands for, unless another image in the repository, that is not gone, is the
// same.
func (c *catalog) listsAbout(ref string, gone map[string]bool) []string {
	subject := c.byRef[ref]
	list := referrersRef(ref, subject)
	if _, ok := c.byRef[list]; !ok {
		return nil
	}
	for other, desc := range c.byRef {
		if desc.Digest == subject.Digest && !gone[other] && repositoryOf(other) == repositoryOf(ref) {
			return nil
		}
	}
	return []string{list}
}

// repositoryOf is ref without its tag: "" when it has none.
func repositoryOf(ref string) string { return ref[:strings.LastIndex(ref, ":")+1] }

// subjectOf is the digest that the list under ref, of artifacts, is about: ""
// when ref is no such list.
func subjectOf(ref string) digest.Digest {
	if !imageindex.IsReferrersRef(ref) {
		return ""
	}
	return digest.NewDigestFromEncoded(digest.SHA256, ref[strings.LastIndex(ref, "-")+1:])
}

// isAbout reports whether the entry ref is about images that have other
// references, so that it goes when these do: a list of artifacts, or the record
// of a resolved hash.
func isAbout(ref string) bool { return imageindex.IsReferrersRef(ref) || planner.IsResolvedRef(ref) }

// refOf is what an entry of index.json is called.
func refOf(desc ocispec.Descriptor) string { return desc.Annotations[ocispec.AnnotationRefName] }
