package source

import (
	"context"
	"errors"
	"path"
	"strings"

	"github.com/stowage-build/stowage/schema"
)

var _ schema.Git = (*Tree)(nil)

// errNoGit says that there is no work tree around the workspace.
var errNoGit = errors.New("the workspace is not in a git work tree")

// Revision is the commit of HEAD; "" outside git and before the first commit.
// When the files have been listed it is the commit that they were compared
// with.
func (t *Tree) Revision(ctx context.Context) (string, error) {
	if t.git == nil {
		return "", nil
	}
	if l, made := t.listings.peek(t.root); made && l.git {
		return l.head, nil
	}
	return t.revision.get(ctx, func(ctx context.Context) (string, error) {
		if _, inside, err := t.git.place(ctx); !inside || err != nil {
			return "", err
		}
		out, err := t.git.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD")
		if err != nil && out.stderr == "" {
			return "", ctx.Err() // no commit yet
		}
		return strings.TrimSpace(out.stdout), err
	})
}

// RemoteURL is the URL of the remote called origin without credentials, or "".
func (t *Tree) RemoteURL(ctx context.Context) string {
	if t.git == nil {
		return ""
	}
	out, err := t.git.run(ctx, "config", "--get", "remote.origin.url")
	if err != nil {
		return ""
	}
	return withoutCredentials(strings.TrimSpace(out.stdout))
}

// withoutCredentials takes user and password out of a URL. What comes before
// @ in the short form of ssh, user@host:path, is no secret.
func withoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if slash {
		path = "/" + path
	}
	return scheme + "://" + host + path
}

// Commit is the commit of HEAD.
func (t *Tree) Commit() (string, error) { return t.ask("rev-parse", "--verify", "HEAD") }

// Describe names HEAD by the nearest tag, or by its abbreviated id.
func (t *Tree) Describe() (string, error) { return t.ask("describe", "--tags", "--always") }

// Tree is the object id of the tree at a root-relative path at HEAD, which may
// be outside of the workspace, but not of the repository.
func (t *Tree) Tree(name string) (string, error) {
	if t.git == nil {
		return "", errNoGit
	}
	prefix, err := t.ask("rev-parse", "--show-prefix")
	if err != nil {
		return "", err
	}
	at := path.Join(prefix, name)
	switch {
	case isOutside(at):
		return "", mistake("%s is outside the git repository", name)
	case at == "" || at == ".":
		return t.ask("rev-parse", "--verify", "HEAD^{tree}")
	}
	return t.ask("rev-parse", "--verify", "HEAD:"+at)
}

// ask asks git a question, once each.
func (t *Tree) ask(args ...string) (string, error) {
	if t.git == nil {
		return "", errNoGit
	}
	return t.answers.get(context.Background(), strings.Join(args, "\x00"), func(ctx context.Context) (string, error) {
		out, err := t.git.run(ctx, args...)
		return strings.TrimSpace(out.stdout), err
	})
}
