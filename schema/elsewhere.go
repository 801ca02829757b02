package schema

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/opencontainers/go-digest"
)

const layoutScheme = "oci-layout://"

// commitRule is a full git object id, SHA-1 or SHA-256.
var commitRule = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// scpRule is a git repository as ssh takes it: git@HOST:PATH.
var scpRule = regexp.MustCompile(`^[a-zA-Z0-9_.-]+@[a-zA-Z0-9.-]+:[^/].*$`)

// elsewhere reads a named context that is neither of the workspace nor of a
// registry. It is nil for other strings, and not ok when it is a mistake, which
// has been reported.
func (ev *evaluation) elsewhere(m mapValue, what, s string) (c *Context, ok bool) {
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case strings.HasPrefix(s, layoutScheme):
		return ev.layoutContext(m, what, strings.TrimPrefix(s, layoutScheme))
	case scpRule.MatchString(s), scheme == "git", scheme == "ssh":
		return ev.gitContext(m, what, s)
	case isURL && (scheme == "http" || scheme == "https"):
		before, _, _ := strings.Cut(s, "#")
		if strings.HasSuffix(before, ".git") {
			return ev.gitContext(m, what, s)
		}
		return ev.fileContext(m, what, s)
	case strings.HasPrefix(s, "target:"):
		ev.fail(m.rng, "Unknown kind of context", "Another package is not named as text: write package.%s.", strings.TrimPrefix(s, "target:"))
		return nil, false
	case isURL:
		ev.fail(m.rng, "Unknown kind of context", "%s:// is no kind of context. A context is a package, a directory, %sREFERENCE, %sDIRECTORY, the URL of a git repository or the https URL of a file.", scheme, imageScheme, layoutScheme)
		return nil, false
	}
	return nil, true
}

// gitContext reads URL#COMMIT[:SUBDIRECTORY].
func (ev *evaluation) gitContext(m mapValue, what, s string) (*Context, bool) {
	repository, fragment, _ := strings.Cut(s, "#")
	commit, sub, hasSub := strings.Cut(fragment, ":")
	if !commitRule.MatchString(commit) {
		ev.fail(m.rng, "Context without a pin", "%s could be something else tomorrow. Name the commit by its full id: %q", what, repository+"#COMMIT[:DIRECTORY]")
		return nil, false
	}
	if !ev.checkURL(m, what, repository) {
		return nil, false
	}
	if strings.Contains(repository, "?") {
		ev.fail(m.rng, "Bad context", "The URL of a git repository has no parameters here; the commit and the directory are in the fragment: %q", "URL#COMMIT:DIRECTORY")
		return nil, false
	}
	pin := commit
	if hasSub {
		clean, err := resolveInside(".", strings.TrimPrefix(sub, "/"))
		if err != nil {
			ev.fail(m.rng, "Bad path", "%q is no directory of the repository.", sub)
			return nil, false
		}
		if clean != "." {
			pin += ":" + clean
		}
	}
	return &Context{Git: repository, Pin: pin}, true
}

// fileContext reads URL#sha256:DIGEST.
func (ev *evaluation) fileContext(m mapValue, what, s string) (*Context, bool) {
	location, fragment, _ := strings.Cut(s, "#")
	pin, err := digest.Parse(fragment)
	if err != nil || pin.Algorithm() != digest.SHA256 {
		ev.fail(m.rng, "Context without a pin", "%s could be something else tomorrow. Give the file's digest: %q. (A git repository's URL ends in .git.)", what, location+"#sha256:…")
		return nil, false
	}
	return &Context{File: location, Pin: pin.String()}, ev.checkURL(m, what, location)
}

// checkURL refuses what is no URL, and passwords, which would be shown.
func (ev *evaluation) checkURL(m mapValue, what, s string) bool {
	if scpRule.MatchString(s) {
		return true
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		ev.fail(m.rng, "Bad context", "%s is no URL with a host.", what)
		return false
	}
	_, password := u.User.Password()
	if password || u.User != nil && u.Scheme != "ssh" {
		ev.fail(m.rng, "Credentials in a URL", "%s has credentials in it, and it is shown in plans and logs. For git over https, give the token as a secret block \"GIT_AUTH_TOKEN\".", what)
		return false
	}
	return true
}

// layoutContext reads DIRECTORY[:TAG][@DIGEST].
func (ev *evaluation) layoutContext(m mapValue, what, s string) (*Context, bool) {
	c := &Context{}
	dir, pin, pinned := strings.Cut(s, "@")
	if pinned {
		d, err := digest.Parse(pin)
		if err != nil || d.Algorithm() != digest.SHA256 {
			ev.fail(m.rng, "Bad context", "%q is no sha256 digest.", pin)
			return nil, false
		}
		c.Pin = d.String()
	}
	if i := strings.LastIndexByte(dir, ':'); i > strings.LastIndexByte(dir, '/') {
		dir, c.Tag = dir[:i], dir[i+1:]
		if !ev.checkTag(located{c.Tag, m.rng}) {
			return nil, false
		}
	}
	full, ok := ev.directory(what, dir, m.expr.scope.dir, m.rng)
	if !ok {
		return nil, false
	}
	if isOutside(full) && c.Pin == "" {
		ev.fail(m.rng, "Context without a pin", "%s is outside of the workspace and could be another image tomorrow. Give its digest: %q", what, layoutScheme+dir+"@sha256:…")
		return nil, false
	}
	c.Layout = path.Clean(full)
	return c, true
}
