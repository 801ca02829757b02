package schema

import (
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// imageScheme marks a context that is an image.
const imageScheme = "docker-image://"

// readContext reads the context directory.
func (ev *evaluation) readContext() {
	x := ev.scalar("context")
	if x == nil {
		return
	}
	ev.contextMissing = true
	s, ok := ev.asString(x)
	if !ok {
		ev.contextMissing = ev.unknown || len(ev.diags) > 0
		return
	}
	if strings.Contains(s, "://") || strings.HasPrefix(s, "git@") {
		ev.fail(x.Range(), "Bad context", "A package's context is a directory. What is elsewhere can be a named context: contexts = { NAME = %q }", s)
		return
	}
	if p, ok := ev.directory("context", s, x.scope.dir, x.Range()); ok {
		ev.out.Context = p
		ev.contextMissing = false
	}
}

// directory checks that p, relative to dir, is a directory of the workspace,
// and returns it relative to the root.
func (ev *evaluation) directory(what, p, dir string, rng hcl.Range) (string, bool) {
	full, ok := ev.path(what, p, dir, rng)
	if !ok || isOutside(full) {
		return full, ok // what is outside is looked at when it is read
	}
	mode, err := ev.env.typeOf(full)
	switch {
	case err != nil:
		ev.fail(rng, "No such directory", "The directory %q of %s cannot be used: %s. Paths are relative to the directory of the file they stand in, here %q.", full, what, cause(err), dir)
		return "", false
	case !mode.IsDir():
		ev.fail(rng, "Not a directory", "%q, the %s, is not a directory.", full, what)
		return "", false
	}
	return full, true
}

// path resolves p and refuses what is outside of the workspace unless the
// package allows it.
func (ev *evaluation) path(what, p, dir string, rng hcl.Range) (string, bool) {
	if p == "" {
		ev.fail(rng, "Empty path", "%s is empty. Write \".\" for the directory of this file.", what)
		return "", false
	}
	full, err := resolve(dir, p)
	if err != nil {
		ev.fail(rng, "Bad path", "%q in %s: %s.", p, what, err)
		return "", false
	}
	if isOutside(full) && !ev.out.AllowOutside {
		ev.fail(rng, "Path outside of the workspace", "%s, %q, is outside of the workspace root: what is there is not versioned with it, so the same workspace could give different images. Move it inside, or set allow_outside = true in the package.", what, p)
		return "", false
	}
	return full, true
}

// readDockerfile reads the Dockerfile's path and checks that it is there.
func (ev *evaluation) readDockerfile() {
	x := ev.scalar("dockerfile")
	rng := ev.decl.Range
	if x != nil {
		rng = x.Range()
		s, ok := ev.asString(x)
		if ok && !ev.setDockerfile(s, rng) || ev.unknown {
			return
		}
	}
	if ev.contextMissing {
		ev.unknown = true
		return
	}
	if ev.scalar("dockerfile_inline") != nil || isOutside(ev.out.Context) {
		return
	}
	full := path.Join(ev.out.Context, ev.out.Dockerfile)
	if mode, err := ev.env.typeOf(full); err != nil {
		ev.fail(rng, "Missing Dockerfile", "There is no file %q (%s). Create it, set dockerfile to another file inside of the context, or write it here with dockerfile_inline.", full, cause(err))
	} else if mode.IsDir() {
		ev.fail(rng, "Missing Dockerfile", "%q is a directory, not a Dockerfile.", full)
	}
}

func (ev *evaluation) setDockerfile(s string, rng hcl.Range) bool {
	full, err := resolveInside(".", s)
	if err != nil || full == "." {
		ev.fail(rng, "Bad Dockerfile path", "%q is no path of a file inside of the context. To use a Dockerfile from elsewhere, write dockerfile_inline = file(…).", s)
		return false
	}
	ev.out.Dockerfile = full
	return true
}

func (ev *evaluation) readDockerfileInline() {
	x := ev.scalar("dockerfile_inline")
	if x == nil {
		return
	}
	if other := ev.scalar("dockerfile"); other != nil && other.scope == x.scope {
		ev.fail(x.Range(), "Two Dockerfiles", "dockerfile, at %s, and dockerfile_inline are alternatives; remove one.", at(other.Range()))
		return
	}
	s, ok := ev.asString(x)
	if !ok {
		return
	}
	if strings.TrimSpace(s) == "" {
		ev.fail(x.Range(), "Empty Dockerfile", "dockerfile_inline is empty.")
		return
	}
	ev.out.DockerfileInline, ev.out.Dockerfile = s, ""
}

// readContexts reads named contexts.
func (ev *evaluation) readContexts() {
	for _, m := range ev.mapValues("contexts", ev.merged.maps["contexts"]) {
		if strings.ContainsAny(m.key, " \t\r\n=,") || m.key == "" || m.key == "context" || m.key == "dockerfile" {
			ev.fail(m.rng, "Bad context name", "%q cannot be named in a Dockerfile's FROM or --from.", m.key)
			continue
		}
		what := "the context " + m.key
		if m.value.ContainsMarked() {
			ev.settled(m.value, m.rng, what)
			continue
		}
		if m.value.IsKnown() && m.value.Type().Equals(packageType) {
			if names, ok := ev.packagesIn(m.value); ok {
				ev.out.Contexts[m.key] = Context{Package: names[0]}
			}
			continue
		}
		if m.value.IsKnown() && m.value.Type().IsMapType() && m.value.Type().ElementType().Equals(packageType) {
			ev.fail(m.rng, "Package has instances", "A context is one package: write package.NAME[\"KEY\"].")
			continue
		}
		if s, ok := ev.settledText(m.value, m.rng, what); ok {
			ev.namedContext(m, what, s)
		}
	}
}

func (ev *evaluation) namedContext(m mapValue, what, s string) {
	if ref, ok := strings.CutPrefix(s, imageScheme); ok {
		if ev.checkImage(ref, m.rng) {
			ev.out.Contexts[m.key] = Context{URL: s}
		}
		return
	}
	if c, ok := ev.elsewhere(m, what, s); c != nil || !ok {
		if ok {
			ev.out.Contexts[m.key] = *c
		}
		return
	}
	if p, ok := ev.directory(what, s, m.expr.scope.dir, m.rng); ok {
		ev.out.Contexts[m.key] = Context{Path: p}
	}
}
