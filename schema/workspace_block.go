package schema

import (
	"path"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/bmatcuk/doublestar/v4"
	"github.com/distribution/reference"
	"github.com/hashicorp/hcl/v2"
)

// defaultPlatform is what packages are built for when nothing is said. It is
// not the host's: the same workspace gives the same plan everywhere.
const defaultPlatform = "linux/amd64"

// nameRule is what blocks may be called: it can be written in expressions,
// selections and file names.
var nameRule = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]*$`)

// rootBlock is the workspace block. Members and the required version are read
// before any other file.
type rootBlock struct {
	*hcl.Block
	content *content
	scope   *scope
	members []located // nil is every directory with configuration
	version *located
}

// findRoot finds the one workspace block in the root's files.
func (l *loader) findRoot(files []*file) *rootBlock {
	var root *rootBlock
	for _, f := range files {
		got, _, _ := f.body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "workspace"}}})
		for _, b := range got.Blocks {
			if root != nil {
				l.add(errorAt(b.DefRange, "Duplicate workspace block", "The workspace block is at %s already; there is exactly one.", at(root.DefRange)))
				continue
			}
			root = l.decodeMembers(f, b)
		}
	}
	return root
}

// decodeMembers reads the constant attributes of the workspace block.
func (l *loader) decodeMembers(f *file, b *hcl.Block) *rootBlock {
	c, diags := workspaceSpec.content(b.Body, f.src)
	l.add(diags...)
	root := &rootBlock{Block: b, content: c, scope: l.env.newScope(".", f.src)}
	r := reader{env: l.env, scope: root.scope}
	if x := r.attribute(c.attributes["members"]); x != nil {
		list, _ := r.asStrings(x)
		root.members = []located{} // no longer all
		for _, m := range list {
			switch clean := path.Clean(m.text); {
			case path.IsAbs(m.text) || isOutside(clean):
				r.fail(m.rng, "Member outside of the workspace", "%q: members are directories below the root.", m.text)
			case !doublestar.ValidatePattern(m.text):
				r.fail(m.rng, "Bad pattern", "%q is no well-formed glob.", m.text)
			default:
				root.members = append(root.members, m)
			}
		}
	}
	if x := r.attribute(c.attributes["required_version"]); x != nil {
		if s, ok := r.asString(x); ok {
			root.version = &located{s, x.Range()}
		}
	}
	l.add(r.diags...)
	return root
}

// checkVersion checks required_version. When it fails nothing else is said:
// another version's configuration would only give misleading errors.
func (l *loader) checkVersion() bool {
	want := l.root.version
	if want == nil {
		return true
	}
	constraint, err := semver.NewConstraint(want.text)
	if err != nil {
		l.add(errorAt(want.rng, "Bad version constraint", "%q is no constraint such as \">= 0.1\" or \"~> 1.2\".", want.text))
		return true
	}
	version, err := semver.NewVersion(strings.TrimPrefix(l.opts.Version, "v"))
	if l.opts.Version == "" || strings.HasPrefix(l.opts.Version, "dev") || err != nil {
		return true
	}
	core := *semver.New(version.Major(), version.Minor(), version.Patch(), "", "")
	if constraint.Check(version) || constraint.Check(&core) {
		return true
	}
	l.diags = hcl.Diagnostics{errorAt(want.rng, "Wrong version of Stowage", "This workspace needs Stowage %s; this is %s. Install a version that fits.", want.text, l.opts.Version)}
	return false
}

// decodeRoot reads what may use variables and locals.
func (l *loader) decodeRoot(ws *Workspace) {
	if l.root == nil {
		return
	}
	ws.Range = l.root.DefRange
	r := reader{env: l.env, scope: l.root.scope, may: mayStatic}
	c := l.root.content
	r.require(c, workspaceSpec, "name", `"…"`)
	if r.string(c.attributes["name"], &ws.Name) && !nameRule.MatchString(ws.Name) {
		r.fail(c.attributes["name"].Expr.Range(), "Bad workspace name", "%q: use letters, digits, _ and -, beginning with a letter.", ws.Name)
	}
	if r.string(c.attributes["registry"], &ws.Registry) {
		if !r.checkRegistryPrefix(ws.Registry, c.attributes["registry"].Expr.Range()) {
			ws.Registry = "" // image names are still to be checked
		}
	}
	if x := r.attribute(c.attributes["platforms"]); x != nil {
		if list, ok := r.asStrings(x); ok {
			ws.Platforms = r.platformList(list)
			if len(list) == 0 {
				r.fail(x.Range(), "No platforms", "platforms lists at least one; leave it out for %s.", defaultPlatform)
			}
		}
	}
	if len(ws.Platforms) == 0 {
		ws.Platforms = []string{defaultPlatform}
	}
	l.add(r.diags...)
}

// checkRegistryPrefix checks HOST[:PORT][/PATH].
func (r *reader) checkRegistryPrefix(prefix string, rng hcl.Range) bool {
	if strings.Contains(prefix, "://") {
		r.fail(rng, "Bad registry", "%q: leave out the scheme. For plain http declare registry \"HOST\" { insecure = true }.", prefix)
		return false
	}
	named, err := reference.ParseNormalizedNamed(prefix + "/x")
	if err != nil || !reference.IsNameOnly(named) {
		r.fail(rng, "Bad registry", "%q is no prefix of image names such as \"ghcr.io/acme\" or \"localhost:5000\".", prefix)
		return false
	}
	return true
}
