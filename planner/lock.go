package planner

import (
	"fmt"

	"github.com/distribution/reference"
)

// Lock pins the images that are not the workspace's: what stowage.lock.hcl
// says.
type Lock struct {
	// Images are by their name as LockName gives it.
	Images map[string]LockedImage
}

// LockedImage is what an image reference is pinned to.
type LockedImage struct {
	// Digest of the index, or of the manifest of an image that has none.
	Digest string
	// Platforms that it has, normalised and sorted.
	Platforms []string
}

// LockName returns the form in which a lock knows an image reference: the
// repository in full and a tag, docker.io/library/alpine:latest. pinned is
// true for a reference with a digest, which needs no lock.
func LockName(ref string) (name string, pinned bool, err error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", false, fmt.Errorf("image %q: %w", ref, err)
	}
	_, pinned = named.(reference.Digested)
	return reference.TagNameOnly(named).String(), pinned, nil
}

// ExternalImage is an image that packages name and that is not the
// workspace's.
type ExternalImage struct {
	// Name is as in Lock.Images.
	Name string
	// Packages name it, Platforms are those they need it for; both sorted.
	Packages  []string
	Platforms []string
}
