package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// withSubmodule makes a repository with a submodule at app/sub and commits it.
func withSubmodule(t *testing.T) string {
	t.Helper()
	inner, dir := t.TempDir(), t.TempDir()
	write(t, inner, map[string]string{"lib.c": "1", ".gitignore": "*.o", "notes.md": ""})
	commit(t, inner)
	write(t, dir, map[string]string{"app/f": "1", "app/.dockerignore": "**/*.md"})
	git(t, dir, "init", "-q")
	git(t, dir, "submodule", "--quiet", "add", inner, "app/sub")
	commit(t, dir)
	return dir
}

func TestSubmodules(t *testing.T) {
	for name, c := range map[string]struct {
		change func(dir string) error
		files  []string
		dirty  bool
	}{
		"clean":          {func(string) error { return nil }, []string{"lib.c"}, false},
		"changed":        {func(d string) error { return os.WriteFile(d+"/lib.c", []byte("2"), 0o644) }, []string{"lib.c"}, true},
		"untracked":      {func(d string) error { return os.WriteFile(d+"/new.c", nil, 0o644) }, []string{"lib.c", "new.c"}, true},
		"ignored by git": {func(d string) error { return os.WriteFile(d+"/x.o", nil, 0o644) }, []string{"lib.c"}, false},
		"ignored":        {func(d string) error { return os.WriteFile(d+"/notes.md", []byte("2"), 0o644) }, []string{"lib.c"}, false},
		"removed":        {func(d string) error { return os.Remove(d + "/lib.c") }, nil, true},
		"another commit": {func(d string) error { git(t, d, "commit", "-q", "--allow-empty", "-m", "x"); return nil }, []string{"lib.c"}, true},
		"not checked out": {func(d string) error {
			git(t, filepath.Dir(filepath.Dir(d)), "submodule", "--quiet", "deinit", "-f", "app/sub")
			return nil
		}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withSubmodule(t)
			sub := filepath.Join(dir, "app/sub")
			if err := c.change(sub); err != nil {
				t.Fatal(err)
			}
			want := []string{".dockerignore", "f"}
			if c.files != nil {
				want = append(want, "sub/.gitignore")
			}
			if name == "removed" {
				want = append(want, "sub/.gitignore")
			}
			for _, f := range c.files {
				want = append(want, "sub/"+f)
			}
			s := set(t, dir, planner.SourceSpec{Context: "app"})
			expect(t, listed(s), want...)
			if s.Dirty != c.dirty {
				t.Errorf("dirty %v, want %v", s.Dirty, c.dirty)
			}
		})
	}
}

// TestSubmoduleConfiguration: what .gitmodules says of status does not matter.
func TestSubmoduleConfiguration(t *testing.T) {
	dir := withSubmodule(t)
	git(t, dir, "config", "submodule.app/sub.ignore", "all")
	git(t, filepath.Join(dir, "app/sub"), "commit", "-q", "--allow-empty", "-m", "x")
	if !set(t, dir, planner.SourceSpec{Context: "app"}).Dirty {
		t.Error("another commit in a submodule with ignore = all went unseen")
	}
}

func TestNestedRepositories(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"app/f": "1", "app/fresh/n": "1", "app/fresh/x.o": "1", "app/fresh/.gitignore": "*.o",
		"app/nested/n": "1", "app/nested/x.o": "1", "app/nested/.gitignore": "*.o", "app/nested/deep/er/m": "1",
	})
	commit(t, filepath.Join(dir, "app/nested/deep/er"))
	commit(t, filepath.Join(dir, "app/nested"))
	git(t, filepath.Join(dir, "app/fresh"), "init", "-q")
	git(t, dir, "init", "-q")
	git(t, dir, "add", "app/f")
	git(t, dir, "commit", "-qm", "one")
	s := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f", "fresh/.gitignore", "fresh/n", "nested/.gitignore", "nested/deep/er/m", "nested/n")
	if !s.Dirty {
		t.Error("clean with repositories that HEAD does not have")
	}
}

// TestEmbeddedRepository: a repository added without being made a submodule.
func TestEmbeddedRepository(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "app/nested/n": "1"})
	commit(t, filepath.Join(dir, "app/nested"))
	commit(t, dir)
	s := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f", "nested/n")
	if s.Dirty {
		t.Error("dirty at the commit that HEAD names")
	}
}

func TestWorktree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, dir)
	other := filepath.Join(t.TempDir(), "other")
	git(t, dir, "worktree", "add", "-q", other)
	s := set(t, other, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f")
	if s.Dirty {
		t.Error("dirty in a fresh worktree")
	}
}
