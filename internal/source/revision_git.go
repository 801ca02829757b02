package source

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// offline is a git process that downloads nothing: in a partial clone it would
// fetch the objects that are not there. Git knows GIT_NO_LAZY_FETCH since 2.45
// (and security releases of older versions); GIT_ALLOW_PROTOCOL makes the
// others fail.
func (r *repository) offline(ctx context.Context, args ...string) *exec.Cmd {
	cmd := r.command(ctx, args...)
	cmd.Env = append(cmd.Env, "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none")
	return cmd
}

// parse returns the id of the object that a revision names. It need not be a
// commit, nor be there.
func (r *repository) parse(ctx context.Context, rev string) (string, error) {
	out, err := r.collect(ctx, r.offline(ctx, "rev-parse", "--verify", "--end-of-options", rev))
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", r.noRevision(ctx, rev)
	}
	return strings.TrimSpace(out.stdout), nil
}

// noRevision says that there is no such revision.
func (r *repository) noRevision(ctx context.Context, rev string) error {
	if r.shallow(ctx) {
		return fmt.Errorf("%q is not a revision of this repository, which is a shallow clone: its history is cut off; %s", rev, deepen(rev))
	}
	return fmt.Errorf("%q is not a revision of this repository: it names no commit, branch or tag in it; if the remote has it, run \"git fetch\" first", rev)
}

// noCommit says that the object of a revision is no commit, or is not there.
func (r *repository) noCommit(ctx context.Context, rev, id string, err error) error {
	var lost *lostObject
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &lost):
		return fmt.Errorf("read revision %s: %w", rev, err)
	}
	if out, err := r.collect(ctx, r.offline(ctx, "cat-file", "-t", id)); err == nil {
		return fmt.Errorf("%q is not a revision of this repository: it is a %s, not a commit", rev, strings.TrimSpace(out.stdout))
	}
	return r.noRevision(ctx, rev)
}

// noTree says that a commit cannot be listed.
func (r *repository) noTree(ctx context.Context, rev string, err error) error {
	if ctx.Err() == nil && r.partial(ctx) {
		return fmt.Errorf("list the files of %s: this is a partial clone and does not have all its directories, and nothing is downloaded here; %s: %w", rev, complete, err)
	}
	return fmt.Errorf("list the files of %s: %w", rev, err)
}

// noContent says that the object of a file is not there.
func (r *repository) noContent(ctx context.Context, name, rev string, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case r.partial(ctx):
		return fmt.Errorf("%s as it was at %s is not in this partial clone, and nothing is downloaded here; %s: %w", name, rev, complete, err)
	case r.shallow(ctx):
		return fmt.Errorf("%s as it was at %s is not in this shallow clone; %s: %w", name, rev, deepen(rev), err)
	}
	return fmt.Errorf("read %s at %s: %w; \"git fsck\" says what else is damaged", name, rev, err)
}

// complete makes a full clone of a partial one.
const complete = `run "git fetch --refetch --no-filter origin"`

// deepen says how a shallow clone gets a revision.
func deepen(rev string) string {
	const all = `run "git fetch --unshallow"`
	if strings.ContainsAny(rev, "~^@:{ ") || rev == "HEAD" {
		return all + ` or "git fetch --deepen=100"`
	}
	name := rev
	if branch, remote := strings.CutPrefix(rev, "origin/"); remote {
		name = branch + ":refs/remotes/origin/" + branch
	}
	return all + ` or "git fetch --depth=1 origin ` + name + `"`
}

func (r *repository) shallow(ctx context.Context) bool {
	out, err := r.collect(ctx, r.offline(ctx, "rev-parse", "--is-shallow-repository"))
	return err == nil && strings.TrimSpace(out.stdout) == "true"
}

func (r *repository) partial(ctx context.Context) bool {
	_, err := r.collect(ctx, r.offline(ctx, "config", "--get-regexp", `^(remote\..*\.promisor|extensions\.partialclone)$`))
	return err == nil
}
