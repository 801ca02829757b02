package importer

import (
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/stowage-build/stowage/planner"
)

// dirUse is an image whose name ends in a package's name.
type dirUse struct {
	planner.ImageUse
	p, of *dirPackage
	named reference.Named
	// prefix is what stands before the package's name, "" for official images
	// and for names that are local to a machine.
	prefix string
	// floating says that no tag but latest is given; pinned that a digest is.
	floating, pinned bool
}

// connect finds out which image names mean packages, and so the registry: what
// most of them have before the package's name.
func (d *dockerfiles) connect() {
	uses := d.uses()
	var prefixes []string
	for _, u := range uses {
		if u.prefix != "" {
			prefixes = append(prefixes, u.prefix)
		}
	}
	d.registry = commonest(prefixes)
	for _, u := range uses {
		at := position{u.p.file, u.Line}
		switch {
		case u.pinned:
			d.notes.add(at, "%s has a digest, so it is not taken for package %s", u.Name, u.of.name)
		case u.prefix == "" && u.floating:
			u.p.addContext(u.Name, u.of, at)
		case u.prefix == "" || u.prefix != d.registry:
			d.notes.add(at, "%s is not taken for package %s; if it is, write contexts = { %q = package.%s }", u.Name, u.of.name, u.Name, u.of.name)
		case !u.floating:
			u.p.follow = true
		}
	}
}

// uses finds the images that have a package's name.
func (d *dockerfiles) uses() []dirUse {
	var out []dirUse
	for _, p := range d.packages {
		for _, image := range p.images {
			named, err := reference.ParseNormalizedNamed(image.Name)
			if err != nil || strings.HasPrefix(image.Name, unsetHost) {
				continue
			}
			i := slices.IndexFunc(d.packages, func(o *dirPackage) bool { return o.name == path.Base(named.Name()) })
			if i < 0 || d.packages[i] == p {
				continue
			}
			u := dirUse{ImageUse: image, p: p, of: d.packages[i], named: named, prefix: path.Dir(named.Name())}
			tagged, isTagged := named.(reference.Tagged)
			_, u.pinned = named.(reference.Digested)
			u.floating = !isTagged || tagged.Tag() == "latest"
			if u.prefix == "docker.io/library" {
				u.prefix = ""
			}
			if !u.of.uses(named) {
				out = append(out, u)
			}
		}
	}
	return out
}

// uses says that a package is made from an image of its own name: that is
// somebody else's.
func (p *dirPackage) uses(named reference.Named) bool {
	return slices.ContainsFunc(p.images, func(u planner.ImageUse) bool {
		n, err := reference.ParseNormalizedNamed(u.Name)
		return err == nil && n.Name() == named.Name()
	})
}

func (p *dirPackage) addContext(name string, of *dirPackage, at position) {
	name = strings.TrimSuffix(name, ":latest")
	if !slices.ContainsFunc(p.contexts, func(c dirContext) bool { return c.name == name }) {
		p.contexts = append(p.contexts, dirContext{name, of, at})
	}
}
