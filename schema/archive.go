package schema

import (
	"strings"

	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
)

// Archive is a file of images that is put into the context before a build:
// each has the images for the platform that is built.
type Archive struct {
	// Path is where it goes in the context, slash-separated and relative.
	Path string
	// Format is "docker" (what docker save writes) or "oci" (an OCI layout).
	Format string
	Images []ArchiveImage
	Range  hcl.Range
}

// ArchiveImage is one image of an archive.
type ArchiveImage struct {
	// Ref is what the image is called: for one that is not the workspace's the
	// repository, tag if there is one, and sha256 digest, docker.io written out.
	Ref string
	// Package is the package whose image it is, "" for others.
	Package string
}

var archiveFormats = []string{"docker", "oci"}

// readArchives reads archive blocks, the package's own before those of
// defaults.
func (ev *evaluation) readArchives() {
	ev.out.Archives = nil
	places := map[string]string{}
	for _, n := range ev.merged.nested["archive"] {
		a := Archive{Format: archiveFormats[0], Range: n.rng}
		var err error
		if a.Path, err = resolveInside(".", n.label); err != nil || a.Path == "." {
			ev.fail(n.labelRange, "Bad archive path", "%q is no path of a file inside of the context.", n.label)
			continue
		}
		if first, ok := places[a.Path]; ok {
			ev.fail(n.labelRange, "Duplicate archive", "There is an archive block for %s at %s already.", a.Path, first)
			continue
		}
		places[a.Path] = at(n.labelRange)
		ev.out.parts["archive."+a.Path] = n.rng
		if x := n.attributes["format"]; x != nil {
			a.Format, _ = ev.asChoice(x, archiveFormats...)
		}
		a.Images = ev.archiveImages(n)
		ev.out.Archives = append(ev.out.Archives, a)
	}
}

func (ev *evaluation) archiveImages(n *nested) []ArchiveImage {
	x := n.attributes["images"]
	if x == nil {
		ev.fail(n.rng, "Archive without images", "Say what is in it: images = [\"REPOSITORY@sha256:…\", package.NAME.ref]")
		return nil
	}
	list, ok := ev.asStrings(x)
	if ok && len(list) == 0 {
		ev.fail(x.Range(), "Archive without images", "images lists at least one image.")
	}
	packages := ev.packagesByRef(x)
	var out []ArchiveImage
	seen := map[ArchiveImage]bool{}
	for _, l := range list {
		image := ArchiveImage{Ref: l.text, Package: packages[l.text]}
		if image.Package == "" {
			if image.Ref, ok = ev.pinnedImage(l); !ok {
				continue
			}
		}
		if seen[image] {
			ev.fail(l.rng, "Image listed twice", "%s is in this archive already.", image.Ref)
			continue
		}
		seen[image] = true
		out = append(out, image)
	}
	return out
}

// packagesByRef are the packages that x mentions, by their references.
func (ev *evaluation) packagesByRef(x *expression) map[string]string {
	out := map[string]string{}
	if ev.identity == nil {
		return out
	}
	for _, m := range x.used.packages {
		for _, d := range ev.resolve(m) {
			if id, ok := ev.identity(d.Name); ok {
				out[d.Repository+":"+id.Tag] = d.Name
			}
		}
	}
	return out
}

// pinnedImage checks a reference to an image that is not the workspace's.
func (ev *evaluation) pinnedImage(l located) (string, bool) {
	if !ev.checkImage(l.text, l.rng) {
		return "", false
	}
	named, err := reference.ParseNormalizedNamed(l.text)
	if err != nil {
		return "", false // reported
	}
	pinned, ok := named.(reference.Digested)
	if !ok {
		ev.fail(l.rng, "Image without a digest", "%q could be another image tomorrow without anything here having changed. Write %s@sha256:…, or package.NAME.ref for an image of this workspace.", l.text, l.text)
		return "", false
	}
	if pinned.Digest().Algorithm() != "sha256" {
		ev.fail(l.rng, "Bad image reference", "%q: digests are sha256, not %s.", l.text, pinned.Digest().Algorithm())
		return "", false
	}
	return named.String(), true
}

// Collides reports whether there cannot be both the archive and a file called
// name in one context.
func (a Archive) Collides(name string) bool {
	return name == a.Path || strings.HasPrefix(name, a.Path+"/") || strings.HasPrefix(a.Path, name+"/")
}
