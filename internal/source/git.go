package source

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repository is a directory in a git work tree. Git is run there, so that
// paths it takes and gives are relative to it.
type repository struct{ dir string }

// findRepository returns dir as a directory of the work tree that it is in,
// nil when it is in none.
func findRepository(dir string) (*repository, error) {
	if workTree(dir) == "" {
		return nil, nil
	}
	if _, err := exec.LookPath("git"); err != nil {
		return nil, fmt.Errorf("%s is in a git work tree and git is not installed; install git", dir)
	}
	return &repository{dir}, nil
}

// output is what a git process wrote.
type output struct{ stdout, stderr string }

// text gathers what a process writes. It doubles its space when there is too
// little: strings.Builder alone adds a quarter, and copies large outputs often.
type text struct{ strings.Builder }

func (t *text) Write(p []byte) (int, error) {
	if t.Cap()-t.Len() < len(p) {
		t.Grow(max(len(p), t.Cap()))
	}
	return t.Builder.Write(p)
}

// run runs git.
func (r *repository) run(ctx context.Context, args ...string) (output, error) {
	return r.collect(ctx, r.command(ctx, args...))
}

// settings are git's, whatever the repository's own are: it starts no daemon,
// and compares all that the index knows of a file, so that an edit which keeps
// size and mtime is seen.
var settings = []string{"-c", "core.fsmonitor=false", "-c", "core.checkStat=default", "-c", "core.trustctime=true"}

// command is a git process that is not started yet. It takes no locks, starts
// no daemon or hook of the repository's, and the environment cannot point it
// at another repository.
func (r *repository) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(append([]string{"-C", r.dir}, settings...), args...)
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = append(environ(os.Environ()), "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "GIT_DISCOVERY_ACROSS_FILESYSTEM=1", "LC_ALL=C")
	return cmd
}

// collect runs a command to its end.
func (r *repository) collect(ctx context.Context, cmd *exec.Cmd) (output, error) {
	var stdout, stderr text
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	out := output{stdout.String(), stderr.String()}
	if err == nil {
		return out, nil
	}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	verb := cmd.Args[3+len(settings)] // after git, -C, the directory and the settings
	if text := strings.TrimSpace(out.stderr); text != "" {
		return out, fmt.Errorf("git %s in %s: %w: %s", verb, r.dir, err, strings.TrimPrefix(text, "fatal: "))
	}
	return out, fmt.Errorf("git %s in %s: %w", verb, r.dir, err)
}

// environ leaves out of an environment what points git at a repository: the
// variables that git-rev-parse(1) lists as local to a repository, but not the
// configuration among them, and limits of the search for one.
func environ(env []string) []string {
	var out []string
	for _, kv := range env {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
			"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS",
			"GIT_IMPLICIT_WORK_TREE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_CEILING_DIRECTORIES",
			"GIT_LITERAL_PATHSPECS", "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS":
		default:
			out = append(out, kv)
		}
	}
	return out
}

// place returns the path of the directory in the work tree: "" or ending in a
// slash. It is false in a repository that has no work tree here.
func (r *repository) place(ctx context.Context) (prefix string, inside bool, err error) {
	out, err := r.run(ctx, "rev-parse", "--is-inside-work-tree", "--show-prefix")
	answer, prefix, _ := strings.Cut(out.stdout, "\n")
	if answer == "false" {
		return "", false, nil // without a work tree --show-prefix may fail
	}
	return strings.TrimSuffix(prefix, "\n"), true, err
}

// ignores reports whether git ignores the directory itself.
func (r *repository) ignores(ctx context.Context) (bool, error) {
	parent := &repository{filepath.Dir(r.dir)}
	_, err := parent.run(ctx, "check-ignore", "--quiet", "--", "./"+filepath.Base(r.dir))
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return false, nil
	}
	return err == nil, err
}

// records are the parts of output that git ended with NUL.
func records(out string) iter.Seq[string] {
	return strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00")
}
