package planner

import (
	"regexp"
	"slices"
	"strings"
)

// The resolved hash.
//
// The input hash of a package changes with that of every package below it,
// also when what was rebuilt there came out as it was. The resolved hash of a
// node has the digests of the images that its build uses in the place of their
// packages' hashes. So it is known only when these are built, and says more:
// two builds with one resolved hash are of the same files, instructions and
// images. See docs/decisions/0018-early-cutoff.md.
//
// It is encoded as the input hash is, after another line, and has in it
//
//   - the platform, because it is about a node;
//   - every input of the package but the hashes of those packages whose images
//     the node uses, and but arguments that mention packages and reach nothing
//     but names in FROM (ARG BASE, FROM ${BASE}), which is known where no image
//     is from elsewhere: what they name is in it.
//     A package that reaches the node in another way, by its tag in a label or
//     in an archive, counts as it does there;
//   - package, platform and manifest digest of each image used, in the order
//     in which the build uses them.
const resolvedVersion = "stowage resolved inputs 1\n"

// Kinds of inputs of resolved hashes.
const (
	inputPlatform = "platform"
	inputUse      = "use"
)

// ResolvedHash is the hash of what p's build for the platform is made of when
// its dependencies have been built: 64 hex digits, or "" if it uses no image of
// the workspace, so that the input hash says as much. image returns the digest
// of an image manifest; its errors are returned as they are.
func (p *Package) ResolvedHash(platform string, image func(Use) (string, error)) (string, error) {
	uses := p.Uses(platform)
	if len(uses) == 0 || p.Inputs == nil {
		return "", nil
	}
	list := make([]Input, 0, len(p.Inputs.List)+len(uses)+1)
	list = append(list, Input{Kind: inputPlatform, Digest: digest(platform)})
	for _, in := range p.Inputs.List {
		if !p.replaced(in, uses) {
			list = append(list, in)
		}
	}
	for _, u := range uses {
		found, err := image(u)
		if err != nil {
			return "", err
		}
		list = append(list, Input{Kind: inputUse, Name: NodeID(u.Package, u.Platform), Digest: digest(found)})
	}
	return encode(resolvedVersion, list), nil
}

// replaced reports whether the images that are used say what the input says.
func (p *Package) replaced(in Input, uses []Use) bool {
	switch in.Kind {
	case inputDependency:
		return slices.ContainsFunc(uses, func(u Use) bool { return u.Package == in.Name })
	case inputArg:
		name := in.Name[strings.LastIndexByte(in.Name, ' ')+1:] // after a platform
		return len(in.Through) > 0 && slices.Contains(p.nameArgs, name) && !p.hasForeignImages()
	}
	return false
}

// hasForeignImages reports whether images from elsewhere are used, whose
// ONBUILD instructions are not known: an ONBUILD ARG lets a stage see an
// argument that the Dockerfile has before its first FROM only.
func (p *Package) hasForeignImages() bool {
	for _, c := range p.Contexts {
		if c.Layout != "" {
			return true
		}
	}
	return slices.ContainsFunc(p.external, func(e externalUse) bool { return e.tool == "" })
}

// ResolvedRef is the reference, in a package's repository, of the image that
// was built with a resolved hash.
func ResolvedRef(repository, resolved string) string {
	return repository + ":r-" + resolved[:min(tagDigits, len(resolved))]
}

var resolvedRef = regexp.MustCompile(`:r-[0-9a-f]{40}$`)

// IsResolvedRef reports whether ref (repository:tag) is one of ResolvedRef.
func IsResolvedRef(ref string) bool { return resolvedRef.MatchString(ref) }
