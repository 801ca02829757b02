package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// repository is the git work tree around a workspace. Its methods run git at
// most once each.
type repository struct {
	root   string // the workspace root
	prefix string // of the root in the work tree, "" or ending in a slash

	statusOnce sync.Once
	state      *status
	statusErr  error
}

// findRepository finds the work tree that dir is in, nil when it is in none.
func findRepository(dir string) (*repository, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			if _, err := exec.LookPath("git"); err != nil {
				return nil, fmt.Errorf("%s is in a git work tree and git is not installed; install git", dir)
			}
			rel, err := filepath.Rel(at, dir)
			if err != nil {
				return nil, err
			}
			prefix := ""
			if rel != "." {
				prefix = filepath.ToSlash(rel) + "/"
			}
			return &repository{root: dir, prefix: prefix}, nil
		}
		if at == filepath.Dir(at) {
			return nil, nil
		}
	}
}

// run runs git in the root and returns its output. The environment cannot
// point it at another repository.
func (r *repository) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.root, "-c", "core.quotePath=false"}, args...)...)
	cmd.Env = append(environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}

// environ is the environment without what redirects git.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE":
			return true
		}
		return false
	})
}

// listing is what belongs to the workspace, sorted.
type listing struct{ files, empty []string }

// listing lists the tracked files, those of submodules too, the untracked
// ones that are not ignored, and empty directories.
func (r *repository) listing() (*listing, error) {
	ctx := context.Background()
	tracked, err := r.run(ctx, "ls-files", "-z", "--cached", "--recurse-submodules")
	if err != nil {
		return nil, err
	}
	others, err := r.run(ctx, "ls-files", "-z", "--others", "--exclude-standard", "--directory")
	if err != nil {
		return nil, err
	}
	l := &listing{files: fields(tracked)}
	for _, name := range fields(others) {
		dir, isDir := strings.CutSuffix(name, "/")
		if !isDir {
			l.files = append(l.files, name)
			continue
		}
		if err := r.addUntracked(ctx, l, dir); err != nil {
			return nil, err
		}
	}
	slices.Sort(l.files)
	slices.Sort(l.empty)
	l.files, l.empty = slices.Compact(l.files), slices.Compact(l.empty)
	return l, nil
}

// addUntracked adds an untracked directory: empty, another repository, or
// files of which some may be ignored.
func (r *repository) addUntracked(ctx context.Context, l *listing, dir string) error {
	full := filepath.Join(r.root, filepath.FromSlash(dir))
	empty, err := isEmpty(full)
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	if empty {
		l.empty = append(l.empty, dir)
		return nil
	}
	if _, err := os.Lstat(filepath.Join(full, ".git")); err == nil {
		nested, err := (&repository{root: full}).listing()
		if err != nil {
			return err
		}
		for _, name := range nested.files {
			l.files = append(l.files, path.Join(dir, name))
		}
		for _, name := range nested.empty {
			l.empty = append(l.empty, path.Join(dir, name))
		}
		return nil
	}
	out, err := r.run(ctx, "ls-files", "-z", "--others", "--exclude-standard", "--", ":(literal)"+dir)
	if err != nil {
		return err
	}
	for _, name := range fields(out) {
		if sub, isDir := strings.CutSuffix(name, "/"); isDir {
			if err := r.addUntracked(ctx, l, sub); err != nil {
				return err
			}
			continue
		}
		l.files = append(l.files, name)
	}
	found, err := walk(full)
	if err != nil {
		return err
	}
	for _, name := range found.empty {
		l.empty = append(l.empty, path.Join(dir, name))
	}
	return nil
}

func fields(out []byte) []string {
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// status is how the work tree differs from HEAD, by root-relative path.
type status struct {
	commit  string // "" before the first commit
	changed map[string]bool
	// removed are those of changed that HEAD has and the disk has not.
	removed map[string]bool
}

// status runs git status, once.
func (r *repository) status() (*status, error) {
	r.statusOnce.Do(func() { r.state, r.statusErr = r.readStatus() })
	return r.state, r.statusErr
}

// readStatus parses git status --porcelain=v2 -z (git-status(1), "Porcelain
// Format Version 2"). Paths are relative to the top of the work tree.
func (r *repository) readStatus() (*status, error) {
	out, err := r.run(context.Background(), "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none", "--", ".")
	if err != nil {
		return nil, err
	}
	s := &status{changed: map[string]bool{}, removed: map[string]bool{}}
	for _, record := range fields(out) {
		if oid, ok := strings.CutPrefix(record, "# branch.oid "); ok {
			if oid != "(initial)" {
				s.commit = oid
			}
			continue
		}
		kind, rest, _ := strings.Cut(record, " ")
		n := map[string]int{"1": 7, "u": 9, "?": 0}
		skip, known := n[kind]
		if !known {
			continue
		}
		parts := strings.SplitN(rest, " ", skip+1)
		name, inside := strings.CutPrefix(parts[len(parts)-1], r.prefix)
		if len(parts) <= skip || !inside {
			continue
		}
		s.changed[name] = true
		if kind == "1" && strings.Contains(parts[0], "D") {
			s.removed[name] = true
		}
	}
	return s, nil
}

// errNoGit says that there is no work tree around the workspace.
var errNoGit = errors.New("the workspace is not in a git work tree")

// Revision is the commit of HEAD; "" outside git and before the first commit.
func (t *Tree) Revision(context.Context) (string, error) {
	if t.git == nil {
		return "", nil
	}
	s, err := t.git.status()
	if err != nil {
		return "", err
	}
	return s.commit, nil
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
	return withoutCredentials(strings.TrimSpace(string(out)))
}

// withoutCredentials takes user and password out of a URL.
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

// Tree is the object id of the tree at a root-relative path at HEAD.
func (t *Tree) Tree(name string) (string, error) {
	if t.git == nil {
		return "", errNoGit
	}
	at := strings.TrimSuffix(path.Join(t.git.prefix, name), "/")
	if at == "." {
		at = ""
	}
	return t.ask("rev-parse", "--verify", "HEAD:"+at)
}

func (t *Tree) ask(args ...string) (string, error) {
	if t.git == nil {
		return "", errNoGit
	}
	out, err := t.git.run(context.Background(), args...)
	return strings.TrimSpace(string(out)), err
}
