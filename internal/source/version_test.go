package source

import (
	"os/exec"
	"path/filepath"
	"testing"
)

func TestGoVersion(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b.c", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b.c",
			"GIT_AUTHOR_DATE=2026-03-01T12:00:00+02:00", "GIT_COMMITTER_DATE=2026-03-01T12:00:00+02:00")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v: %s", args, err, out)
		}
	}
	version := func() string {
		t.Helper()
		tree, err := New(dir, Options{CachePath: filepath.Join(t.TempDir(), "cache")})
		if err != nil {
			t.Fatal(err)
		}
		v, err := tree.GoVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		revision, err := tree.Revision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(v) - 12; revision != "" && n > 0 && v[n:] == revision[:12] {
			v = v[:n] + "COMMIT"
		}
		return v
	}
	want := func(v string) {
		t.Helper()
		if got := version(); got != v {
			t.Errorf("version %q, want %q", got, v)
		}
	}
	want("")
	git("init", "-q")
	want("")
	git("commit", "-q", "--allow-empty", "-m", "one")
	want("v0.0.0-20260301100000-COMMIT")
	git("tag", "v1.2.3")
	want("v1.2.3")
	git("commit", "-q", "--allow-empty", "-m", "two")
	want("v1.2.4-0.20260301100000-COMMIT")
	git("tag", "v1.3.0-rc.1")
	git("commit", "-q", "--allow-empty", "-m", "three")
	want("v1.3.0-rc.1.0.20260301100000-COMMIT")
	git("tag", "v2")
	want("v1.3.0-rc.1.0.20260301100000-COMMIT")
}
