package stowage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/distribution/reference"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/lockfile"
	"github.com/stowage-build/stowage/planner"
)

// lockLookups is how many images are looked up at once. The registry adapter
// has its own limit for each registry.
const lockLookups = 16

// LockOptions say what a lock may change.
type LockOptions struct {
	// Upgrade looks up again what is locked already, and so moves it to what
	// its tag points at now.
	Upgrade bool
	// References, with Upgrade, are the only images to move, by repository
	// (alpine: whatever the tag) or with a tag, in full or as Docker shortens
	// them. None is all.
	References []string
}

// LockChanges are the differences between a lock file and another. Lists are
// sorted by name.
type LockChanges struct {
	Added   []LockChange `json:"added"`
	Moved   []LockChange `json:"moved"`
	Removed []LockChange `json:"removed"`
	// Lacking are locked images that lack a platform which packages need.
	Lacking []LockLack `json:"lacking"`
	// Unchanged counts the other images.
	Unchanged int `json:"unchanged"`
}

// LockChange is one image that is added, moved or removed.
type LockChange struct {
	// Name is the image's in the lock file.
	Name string `json:"name"`
	// Old and New are digests; Old is "" when the image is added, New when it
	// is removed, and when it was not looked up.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
	// Platforms are those that New has.
	Platforms []string `json:"platforms,omitempty"`
	// Packages use the image; none when it is removed.
	Packages []string `json:"packages,omitempty"`
}

// LockLack is an image that packages need for platforms which what it is
// locked to has not got.
type LockLack struct {
	Name      string   `json:"name"`
	Platforms []string `json:"platforms"`
	Packages  []string `json:"packages"`
}

// Empty reports whether nothing differs and nothing is lacking.
func (c *LockChanges) Empty() bool {
	return len(c.Added)+len(c.Moved)+len(c.Removed)+len(c.Lacking) == 0
}

// Lock makes the lock file have every image without a digest that packages
// use and that is not the workspace's, and no other. Images that it has
// already stay as they are locked, unless opts say to upgrade them. When an
// image cannot be looked up nothing is written. What is planned afterwards is
// planned with the new lock.
func (w *Workspace) Lock(ctx context.Context, opts LockOptions) (*LockChanges, error) {
	changes, next, err := w.nextLock(ctx, opts, true)
	if err != nil {
		return nil, err
	}
	lock := &planner.Lock{Images: next}
	if err := lockfile.Write(w.root, lock); err != nil {
		return nil, err
	}
	w.lock, w.resolved = lock, nil
	return changes, nil
}

// CheckLock says what Lock would change, and writes nothing. Registries are
// asked only for an upgrade, and about nothing that is not locked.
func (w *Workspace) CheckLock(ctx context.Context, opts LockOptions) (*LockChanges, error) {
	changes, _, err := w.nextLock(ctx, opts, false)
	return changes, err
}

// nextLock is what the lock file will have, and how that differs from what it
// has. What is not locked is looked up if that is asked for.
func (w *Workspace) nextLock(ctx context.Context, opts LockOptions, missing bool) (*LockChanges, map[string]planner.LockedImage, error) {
	if len(opts.References) > 0 && !opts.Upgrade {
		return nil, nil, fmt.Errorf("lock %s: images are named to upgrade them (--upgrade); without, whatever is not locked is locked", opts.References[0])
	}
	used, err := w.externalImages(ctx)
	if err != nil {
		return nil, nil, err
	}
	upgraded, err := matchImages(opts.References, used)
	if err != nil {
		return nil, nil, err
	}
	next := map[string]planner.LockedImage{}
	var unknown []planner.ExternalImage
	for _, e := range used {
		image, locked := w.lockedImage(e.Name)
		next[e.Name] = image
		if !locked && missing || locked && opts.Upgrade && (len(upgraded) == 0 || upgraded[e.Name]) {
			unknown = append(unknown, e)
		}
	}
	found, err := w.lookUp(ctx, unknown)
	if err != nil {
		return nil, nil, fmt.Errorf("%s stays as it is: %w", lockfile.Name, err)
	}
	maps.Copy(next, found)
	return w.compareLock(next, used), next, nil
}

// lockedImage is what the lock file says of an image.
func (w *Workspace) lockedImage(name string) (planner.LockedImage, bool) {
	if w.lock == nil {
		return planner.LockedImage{}, false
	}
	image, ok := w.lock.Images[name]
	return image, ok
}

// externalImages are the images to lock. What is not locked yet is no mistake.
func (w *Workspace) externalImages(ctx context.Context) ([]planner.ExternalImage, error) {
	opts := w.resolveOptions()
	opts.Unlocked = true
	r, _, err := w.resolve(ctx, opts)
	if err != nil {
		return nil, err
	}
	return r.External(), w.sources.Save()
}

// compareLock says how next, which has the images in used, differs from the
// lock file. An image with no digest has not been looked up.
func (w *Workspace) compareLock(next map[string]planner.LockedImage, used []planner.ExternalImage) *LockChanges {
	c := &LockChanges{Added: []LockChange{}, Moved: []LockChange{}, Removed: []LockChange{}, Lacking: []LockLack{}}
	for _, e := range used {
		image := next[e.Name]
		old, locked := w.lockedImage(e.Name)
		change := LockChange{Name: e.Name, Old: old.Digest, New: image.Digest, Platforms: image.Platforms, Packages: e.Packages}
		switch {
		case !locked:
			c.Added = append(c.Added, change)
		case old.Digest != image.Digest || !slices.Equal(old.Platforms, image.Platforms):
			c.Moved = append(c.Moved, change)
		default:
			c.Unchanged++
		}
		lacking := slices.DeleteFunc(slices.Clone(e.Platforms), func(p string) bool { return slices.Contains(image.Platforms, p) })
		if image.Digest != "" && len(lacking) > 0 {
			c.Lacking = append(c.Lacking, LockLack{Name: e.Name, Platforms: lacking, Packages: e.Packages})
		}
	}
	if w.lock == nil {
		return c
	}
	for _, name := range slices.Sorted(maps.Keys(w.lock.Images)) {
		if _, kept := next[name]; !kept {
			c.Removed = append(c.Removed, LockChange{Name: name, Old: w.lock.Images[name].Digest})
		}
	}
	return c
}

// matchImages returns the names of the images that references are about. One
// that is about none is an error.
func matchImages(references []string, images []planner.ExternalImage) (map[string]bool, error) {
	matched := map[string]bool{}
	for _, text := range references {
		names, err := matchImage(text, images)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			matched[name] = true
		}
	}
	return matched, nil
}

func matchImage(text string, images []planner.ExternalImage) ([]string, error) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", text, err)
	}
	if _, pinned := named.(reference.Digested); pinned {
		return nil, fmt.Errorf("image %s: it has a digest, so it is in no lock file", text)
	}
	var names []string
	for _, e := range images {
		repository := e.Name[:strings.LastIndexByte(e.Name, ':')]
		if e.Name == named.String() || repository == named.String() {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no package uses an image %s%s", text, suggestImage(named, images))
	}
	return names, nil
}

// suggestImage is "; did you mean X?" for an image of the same repository, or
// with a name that is near.
func suggestImage(named reference.Named, images []planner.ExternalImage) string {
	given, best, distance := reference.FamiliarString(named), "", 4
	for _, e := range images {
		other, err := reference.ParseNormalizedNamed(e.Name)
		if err != nil {
			continue
		}
		familiar := reference.FamiliarString(other)
		d := min(levenshtein.Distance(given, familiar, nil), levenshtein.Distance(given, reference.FamiliarName(other), nil))
		if other.Name() == named.Name() {
			d = 0
		}
		if d < distance {
			best, distance = familiar, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// resolver finds out what a reference to somebody else's image points at: by
// the mirrors of its registry, if it has any. A caller's own registry that is
// none is asked as it is asked for packages.
type resolver interface {
	Resolve(ctx context.Context, ref string) (*planner.Image, error)
}

// lookUp asks registries about images, and reports all that went wrong.
func (w *Workspace) lookUp(ctx context.Context, images []planner.ExternalImage) (map[string]planner.LockedImage, error) {
	if len(images) == 0 {
		return nil, nil
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	found, faults := make([]planner.LockedImage, len(images)), make([]error, len(images))
	var group errgroup.Group
	group.SetLimit(lockLookups)
	for i, e := range images {
		group.Go(func() error {
			found[i], faults[i] = lookUpOne(ctx, remote, e)
			return nil
		})
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	out := map[string]planner.LockedImage{}
	for i, e := range images {
		out[e.Name] = found[i]
	}
	return out, nil
}

func lookUpOne(ctx context.Context, remote executor.Registry, e planner.ExternalImage) (planner.LockedImage, error) {
	look := remote.Lookup
	if r, ok := remote.(resolver); ok {
		look = r.Resolve
	}
	image, err := look(ctx, e.Name)
	switch {
	case err != nil:
		return planner.LockedImage{}, err
	case image == nil:
		return planner.LockedImage{}, fmt.Errorf("no such image: %s, which is used by %s", e.Name, strings.Join(e.Packages, ", "))
	case len(image.Manifests) == 0:
		return planner.LockedImage{}, fmt.Errorf("%s, which is used by %s, is not a container image: it has no platform", e.Name, strings.Join(e.Packages, ", "))
	}
	return planner.LockedImage{Digest: image.Digest, Platforms: slices.Sorted(maps.Keys(image.Manifests))}, nil
}
