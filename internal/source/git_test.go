package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/planner"
)

func TestInsideGit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"ws/app/tracked": "1", "ws/app/gone": "1", "ws/app/.gitignore": "*.o\nbuild/\n", "ws/app/x.o": "", "ws/app/build/y": "",
		"ws/app/kept.o": "", "ws/stowage.hcl": "", "ws/app/new line\nname": "1",
	})
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "add", "-f", "ws/app/kept.o")
	git(t, dir, "commit", "-qm", "one")
	if s := set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "app"}); s.Dirty {
		t.Fatalf("dirty after a commit: %q", listed(s))
	}
	write(t, dir, map[string]string{"ws/app/untracked": "1", "ws/app/fresh/deep/z": "", "ws/app/fresh/none/": "", "ws/app/void/": ""})
	if err := os.Remove(filepath.Join(dir, "ws/app/gone")); err != nil {
		t.Fatal(err)
	}
	s := set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "app"})
	// void and fresh/none are not in a clone.
	expect(t, listed(s), ".gitignore", "fresh/deep/z", "kept.o", "new line\nname", "tracked", "untracked")
	if !s.Dirty {
		t.Error("clean with an untracked file")
	}
}

func TestDirty(t *testing.T) {
	changes := map[string]struct {
		change func(dir string) error
		dirty  bool
	}{
		"nothing":           {func(string) error { return nil }, false},
		"content":           {func(d string) error { return os.WriteFile(d+"/app/f", []byte("new"), 0o644) }, true},
		"mode":              {func(d string) error { return os.Chmod(d+"/app/f", 0o755) }, true},
		"removed":           {func(d string) error { return os.Remove(d + "/app/f") }, true},
		"added":             {func(d string) error { return os.WriteFile(d+"/app/g", nil, 0o644) }, true},
		"ignored by git":    {func(d string) error { return os.WriteFile(d+"/app/x.o", nil, 0o644) }, false},
		"ignored by docker": {func(d string) error { return os.WriteFile(d+"/app/notes.md", nil, 0o644) }, false},
		"removed, ignored":  {func(d string) error { return os.Remove(d + "/app/old.md") }, false},
		"elsewhere":         {func(d string) error { return os.WriteFile(d+"/other", nil, 0o644) }, false},
		"times":             {func(d string) error { return os.Chtimes(d+"/app/f", time.Unix(0, 0), time.Unix(0, 0)) }, false},
		"configuration":     {func(d string) error { return os.WriteFile(d+"/app/stowage.hcl", []byte("# x"), 0o644) }, false},
	}
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"app/f": "1", "app/old.md": "", ".gitignore": "*.o", "app/.dockerignore": "*.md", "app/stowage.hcl": ""})
			git(t, dir, "init", "-q")
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-qm", "one")
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			if have := set(t, dir, planner.SourceSpec{Context: "app"}).Dirty; have != c.dirty {
				t.Errorf("dirty %v, want %v", have, c.dirty)
			}
		})
	}
}

func TestNoCommitYet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	git(t, dir, "init", "-q")
	tree := open(t, dir)
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	if err != nil || !s.Dirty {
		t.Errorf("dirty %v, error %v", s.Dirty, err)
	}
	if rev, err := tree.Revision(t.Context()); rev != "" || err != nil {
		t.Errorf("revision %q, error %v", rev, err)
	}
}

func TestGitFacts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/app/f": "1"})
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "one")
	git(t, dir, "tag", "v1.0")
	git(t, dir, "remote", "add", "origin", "https://user:secret@example.com/acme/repo.git")
	tree := open(t, filepath.Join(dir, "ws"))
	commit, err := tree.Commit()
	if err != nil || len(commit) != 40 {
		t.Errorf("commit %q, %v", commit, err)
	}
	if rev, err := tree.Revision(t.Context()); rev != commit || err != nil {
		t.Errorf("revision %q, want %q, %v", rev, commit, err)
	}
	if d, err := tree.Describe(); d != "v1.0" || err != nil {
		t.Errorf("describe %q, %v", d, err)
	}
	if id, err := tree.Tree("app"); len(id) != 40 || err != nil {
		t.Errorf("tree %q, %v", id, err)
	}
	top, err := tree.Tree("..")
	if want, err2 := open(t, dir).Tree("."); top != want || len(top) != 40 || err != nil || err2 != nil {
		t.Errorf("tree of .. %q, want %q, %v, %v", top, want, err, err2)
	}
	if own, err := tree.Tree("."); own == top || len(own) != 40 || err != nil {
		t.Errorf("tree of . %q, %v", own, err)
	}
	if id, err := tree.Tree("../ws/app/../app"); len(id) != 40 || err != nil {
		t.Errorf("tree by another way %q, %v", id, err)
	}
	_, err = tree.Tree("../..")
	expectMistake(t, err, "outside the git repository")
	if url := tree.RemoteURL(t.Context()); url != "https://example.com/acme/repo.git" {
		t.Errorf("remote %q", url)
	}
	outside := open(t, t.TempDir())
	if _, err := outside.Commit(); err == nil || !strings.Contains(err.Error(), "not in a git work tree") {
		t.Errorf("commit outside git: %v", err)
	}
}
