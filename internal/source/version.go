package source

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// GoVersion is the version that Go would give the workspace's repository as a
// module: HEAD's own tag, or a pseudo-version after the nearest one before it
// (https://go.dev/ref/mod#pseudo-versions). It is "" outside git and before the
// first commit.
func (t *Tree) GoVersion(ctx context.Context) (string, error) {
	revision, err := t.Revision(ctx)
	if err != nil || revision == "" {
		return "", err
	}
	tag := ""
	// Without any such tag it fails, which says just that.
	if out, err := t.git.run(ctx, "describe", "--tags", "--abbrev=0", "--match=v[0-9]*.[0-9]*.[0-9]*", "HEAD"); err == nil {
		tag = strings.TrimSpace(out.stdout)
	}
	if semver.Canonical(tag) != tag {
		tag = "" // v1.2.3.4, or with build metadata, which no module version has
	}
	at, err := t.ReleaseTags(ctx)
	if err != nil {
		return "", err
	}
	for _, name := range at {
		if name == tag && tag != "" {
			return tag, nil
		}
	}
	out, err := t.git.run(ctx, "show", "--no-patch", "--format=%cI", "HEAD")
	if err != nil {
		return "", fmt.Errorf("find the time of the commit: %w", err)
	}
	when, err := time.Parse(time.RFC3339, strings.TrimSpace(out.stdout))
	if err != nil {
		return "", fmt.Errorf("find the time of the commit: %w", err)
	}
	return module.PseudoVersion(semver.Major(tag), tag, when.UTC(), revision[:12]), nil
}

// ReleaseTags are the tags that point at HEAD, sorted by name.
func (t *Tree) ReleaseTags(ctx context.Context) ([]string, error) {
	revision, err := t.Revision(ctx)
	if err != nil || revision == "" {
		return nil, err
	}
	out, err := t.git.run(ctx, "tag", "--points-at", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("list the tags of the commit: %w", err)
	}
	return strings.Fields(out.stdout), nil
}
