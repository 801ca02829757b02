package schema

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// readPlatformBlocks reads what is different for single platforms. Blocks for
// platforms that the package is not built for count as well: the package's
// hash must not change when such a platform is added.
func (ev *evaluation) readPlatformBlocks() {
	places := map[string]string{}
	for _, n := range ev.merged.nested["platform"] {
		p, ok := ev.platform(located{n.label, n.labelRange})
		if !ok {
			continue
		}
		if first, ok := places[p]; ok {
			if !n.defaults {
				ev.fail(n.labelRange, "Duplicate platform block", "There is a platform block for %s at %s already.", p, first)
			}
			continue
		}
		places[p] = at(n.labelRange)
		ev.out.parts["platform."+p] = n.rng
		if !n.defaults && !slices.Contains(ev.out.Platforms, p) {
			ev.report(warningAt(n.labelRange, "Platform block without effect", "Package %s is not built for %s but for %s.", ev.decl.Name, p, strings.Join(ev.out.Platforms, ", ")))
		}
		ev.out.Overrides[p] = ev.override(n)
	}
}

func (ev *evaluation) override(n *nested) Override {
	o := Override{Args: map[string]string{}}
	if x := n.attributes["args"]; x != nil {
		ev.args("args", mergeMap(nil, x), o.Args)
	}
	if x := n.attributes["target"]; x != nil {
		o.Target, _ = ev.asString(x)
	}
	if x := n.attributes["network"]; x != nil {
		o.Network, _ = ev.asChoice(x, networks...)
	}
	if x := n.attributes["timeout"]; x != nil {
		o.Timeout, _ = ev.asDuration(x, time.Second)
	}
	if x := n.attributes["no_cache"]; x != nil {
		o.NoCache, _ = ev.asBool(x)
	}
	return o
}

// readSources reads extra sources, the package's own before those of defaults.
func (ev *evaluation) readSources() {
	ev.out.Sources = nil
	for _, n := range ev.merged.nested["source"] {
		full, ok := ev.path("source", n.label, n.scope.dir, n.labelRange)
		if !ok {
			continue
		}
		if !isOutside(full) {
			if _, err := fs.Stat(ev.env.fsys, full); err != nil {
				ev.fail(n.labelRange, "No such source", "%q cannot be used: %s. Paths are relative to the directory of the file they stand in, here %q.", full, cause(err), n.scope.dir)
				continue
			}
		}
		s := Source{Path: full, To: path.Base(full), Range: n.rng}
		if full == "." || full == ".." {
			s.To = "."
		}
		ev.sourceTarget(n, &s)
		s.Include = ev.patterns(n, "include")
		s.Exclude = ev.patterns(n, "exclude")
		ev.out.parts["source."+full] = n.rng
		ev.out.Sources = append(ev.out.Sources, s)
	}
}

// sourceTarget reads where in the context a source goes; "/" is the context's
// own directory.
func (ev *evaluation) sourceTarget(n *nested, s *Source) {
	x := n.attributes["to"]
	if x == nil {
		return
	}
	to, ok := ev.asString(x)
	if !ok {
		return
	}
	clean, err := resolveInside(".", strings.TrimLeft(to, "/"))
	if err != nil || to == "" {
		ev.fail(x.Range(), "Bad target", "%q is no path inside of the context.", to)
		return
	}
	s.To = clean
}

func (ev *evaluation) patterns(n *nested, name string) []string {
	x := n.attributes[name]
	if x == nil {
		return nil
	}
	list, _ := ev.asStrings(x)
	for _, l := range list {
		if !doublestar.ValidatePattern(l.text) || l.text == "" {
			ev.fail(l.rng, "Bad pattern", "%q is no well-formed glob.", l.text)
		}
	}
	return texts(list)
}

// secretRule is what secrets may be called: the id stands in RUN --mount.
var secretRule = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)

// readSecrets reads secrets, sorted by id. Values are not read.
func (ev *evaluation) readSecrets() {
	ev.out.Secrets = nil
	places := map[string]string{}
	for _, n := range ev.merged.nested["secret"] {
		if first, ok := places[n.label]; ok {
			ev.fail(n.labelRange, "Duplicate secret", "Secret %q is declared at %s already.", n.label, first)
			continue
		}
		places[n.label] = at(n.labelRange)
		ev.out.parts["secret."+n.label] = n.rng
		if !secretRule.MatchString(n.label) {
			ev.fail(n.labelRange, "Bad secret id", "%q: use letters, digits and _ . -", n.label)
		}
		env, file := n.attributes["env"], n.attributes["file"]
		if (env == nil) == (file == nil) {
			ev.fail(n.rng, "Where is the secret?", "A secret block has exactly one of env = \"NAME\" (an environment variable) and file = \"PATH\".")
			continue
		}
		s := Secret{ID: n.label}
		if env != nil {
			s.Env = ev.envName(env)
		} else {
			s.File = ev.secretFile(n, file)
		}
		ev.out.Secrets = append(ev.out.Secrets, s)
	}
	slices.SortFunc(ev.out.Secrets, func(a, b Secret) int { return strings.Compare(a.ID, b.ID) })
}

func (ev *evaluation) envName(x *expression) string {
	name, ok := ev.asString(x)
	if ok && (name == "" || strings.ContainsAny(name, "= \t\r\n")) {
		ev.fail(x.Range(), "Bad environment variable", "%q is no name of an environment variable.", name)
	}
	return name
}

// secretFile reads the path of a secret: absolute, or relative to the file it
// stands in. It may not exist yet: it is read when a build starts.
func (ev *evaluation) secretFile(n *nested, x *expression) string {
	name, ok := ev.asString(x)
	if !ok || path.IsAbs(name) {
		return path.Clean(name)
	}
	full, _ := ev.path("file", name, n.scope.dir, x.Range())
	return full
}

// readAttest reads which attestations a build makes; the nearest block counts.
func (ev *evaluation) readAttest() {
	blocks := ev.merged.nested["attest"]
	if len(blocks) == 0 {
		return
	}
	n := blocks[0]
	ev.out.parts["attest"] = n.rng
	if len(blocks) > 1 {
		ev.fail(blocks[1].rng, "Duplicate attest block", "There is an attest block at %s already.", at(n.rng))
	}
	var a Attest
	if x := n.attributes["provenance"]; x != nil {
		a.Provenance, _ = ev.asChoice(x, "", "min", "max")
	}
	if x := n.attributes["sbom"]; x != nil {
		a.SBOM, _ = ev.asBool(x)
	}
	if x := n.attributes["scanner"]; x != nil {
		if s, ok := ev.asString(x); ok && ev.checkImage(s, x.Range()) {
			a.Scanner = s
		}
	}
	ev.out.Attest = a
}
