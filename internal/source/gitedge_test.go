package source_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGitStates: what is in, and whether it is as in HEAD, for the states that
// git knows for a file.
func TestGitStates(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, d string)
		files  []string
		dirty  bool
	}{
		"staged": {func(t *testing.T, d string) {
			write(t, d, map[string]string{"app/f": "2"})
			git(t, d, "add", "-A")
		}, []string{"d/x", "f"}, true},
		"staged new file": {func(t *testing.T, d string) {
			write(t, d, map[string]string{"app/new": ""})
			git(t, d, "add", "-A")
		}, []string{"d/x", "f", "new"}, true},
		"intent to add": {func(t *testing.T, d string) {
			write(t, d, map[string]string{"app/new": "1"})
			git(t, d, "add", "-N", "app/new")
		}, []string{"d/x", "f", "new"}, true},
		"removed from the index": {func(t *testing.T, d string) { git(t, d, "rm", "-q", "--cached", "app/f") }, []string{"d/x", "f"}, true},
		"removed from both":      {func(t *testing.T, d string) { git(t, d, "rm", "-q", "app/f") }, []string{"d/x"}, true},
		"renamed":                {func(t *testing.T, d string) { git(t, d, "mv", "app/f", "app/g") }, []string{"d/x", "g"}, true},
		"moved away":             {func(t *testing.T, d string) { git(t, d, "mv", "app/f", "elsewhere") }, []string{"d/x"}, true},
		"file becomes directory": {func(t *testing.T, d string) {
			must(t, os.Remove(d+"/app/f"))
			write(t, d, map[string]string{"app/f/inside": ""})
		}, []string{"d/x", "f/inside"}, true},
		"directory becomes symlink": {func(t *testing.T, d string) {
			must(t, os.Rename(d+"/app/d", d+"/moved"))
			must(t, os.Symlink("../moved", d+"/app/d"))
		}, []string{"d link ../moved", "f"}, true},
		"file becomes symlink": {func(t *testing.T, d string) {
			must(t, os.Remove(d+"/app/f"))
			must(t, os.Symlink("d/x", d+"/app/f"))
		}, []string{"d/x", "f link d/x"}, true},
		"conflict": {func(t *testing.T, d string) {
			git(t, d, "checkout", "-qb", "other")
			write(t, d, map[string]string{"app/f": "other"})
			git(t, d, "commit", "-qam", "other")
			git(t, d, "checkout", "-q", "-")
			write(t, d, map[string]string{"app/f": "this"})
			git(t, d, "commit", "-qam", "this")
			if err := tryGit(d, "merge", "-q", "other"); err == nil {
				t.Fatal("the merge has no conflict")
			}
		}, []string{"d/x", "f"}, true},
		"assumed unchanged": {func(t *testing.T, d string) { git(t, d, "update-index", "--assume-unchanged", "app/f") }, []string{"d/x", "f"}, false},
		"assumed unchanged, changed": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--assume-unchanged", "app/f")
			write(t, d, map[string]string{"app/f": "2"})
		}, []string{"d/x", "f"}, true},
		"assumed unchanged, mode": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--assume-unchanged", "app/f")
			must(t, os.Chmod(d+"/app/f", 0o755))
		}, []string{"d/x", "f exec"}, true},
		"assumed unchanged, removed": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--assume-unchanged", "app/f")
			must(t, os.Remove(d+"/app/f"))
		}, []string{"d/x"}, true},
		"assumed unchanged, below a symlink": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--assume-unchanged", "app/d/x")
			must(t, os.Rename(d+"/app/d", d+"/moved"))
			must(t, os.Symlink("../moved", d+"/app/d"))
		}, []string{"d link ../moved", "f"}, true},
		"assumed unchanged, staged": {func(t *testing.T, d string) {
			write(t, d, map[string]string{"app/f": "2"})
			git(t, d, "add", "-A")
			git(t, d, "update-index", "--assume-unchanged", "app/f")
		}, []string{"d/x", "f"}, true},
		"skipped, on disk": {func(t *testing.T, d string) { git(t, d, "update-index", "--skip-worktree", "app/f") }, []string{"d/x", "f"}, false},
		"skipped, changed": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--skip-worktree", "app/f")
			write(t, d, map[string]string{"app/f": "2"})
		}, []string{"d/x", "f"}, true},
		"sparse": {func(t *testing.T, d string) {
			git(t, d, "sparse-checkout", "set", "--no-cone", "/app/f", "/.gitignore")
		}, []string{"f"}, true},
		"sparse, elsewhere": {func(t *testing.T, d string) { git(t, d, "sparse-checkout", "set", "--cone", "app") }, []string{"d/x", "f"}, false},
		"emptied directory": {func(t *testing.T, d string) { must(t, os.Remove(d+"/app/d/x")) }, []string{"f"}, true},
		"empty directory":   {func(t *testing.T, d string) { write(t, d, map[string]string{"app/void/deep/": ""}) }, []string{"d/x", "f"}, false},
		"only ignored":      {func(t *testing.T, d string) { write(t, d, map[string]string{"app/out/x.o": ""}) }, []string{"d/x", "f"}, false},
		"configuration":     {func(t *testing.T, d string) { write(t, d, map[string]string{"app/new/stowage.hcl": ""}) }, []string{"d/x", "f"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"app/f": "1", "app/d/x": "1", "elsewhere/x": "", ".gitignore": "*.o\n"})
			commit(t, dir)
			c.change(t, dir)
			s := set(t, dir, planner.SourceSpec{Context: "app"})
			expect(t, listed(s), c.files...)
			if s.Dirty != c.dirty {
				t.Errorf("dirty %v, want %v", s.Dirty, c.dirty)
			}
		})
	}
}

// TestDirtyBesidesTheFiles: what is not sent but decides the build.
func TestDirtyBesidesTheFiles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, d string)
		dirty  bool
	}{
		"nothing":             {func(*testing.T, string) {}, false},
		"Dockerfile":          {func(t *testing.T, d string) { write(t, d, map[string]string{"app/Dockerfile": "2"}) }, true},
		"ignore file":         {func(t *testing.T, d string) { write(t, d, map[string]string{"app/.dockerignore": "*\n"}) }, true},
		"source":              {func(t *testing.T, d string) { write(t, d, map[string]string{"extra/x": "2"}) }, true},
		"source, not taken":   {func(t *testing.T, d string) { write(t, d, map[string]string{"extra/y.md": "2"}) }, false},
		"source removed":      {func(t *testing.T, d string) { must(t, os.Remove(d+"/extra/x")) }, true},
		"source, not removed": {func(t *testing.T, d string) { must(t, os.Remove(d+"/extra/y.md")) }, false},
		"file":                {func(t *testing.T, d string) { write(t, d, map[string]string{"LICENSE": "2"}) }, true},
		"ignored file": {func(t *testing.T, d string) {
			write(t, d, map[string]string{".gitignore": "LICENSE"})
			git(t, d, "rm", "-q", "--cached", "LICENSE")
			git(t, d, "add", "-A")
			git(t, d, "commit", "-qm", "x")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, map[string]string{"app/f": "1", "app/Dockerfile": "1", "app/.dockerignore": "Dockerfile\n.dockerignore\n", "extra/x": "1", "extra/y.md": "1", "LICENSE": "1"})
			commit(t, dir)
			c.change(t, dir)
			s := set(t, dir, planner.SourceSpec{Context: "app", Dockerfile: "Dockerfile", Extra: []schema.Source{
				{Path: "extra", To: "extra", Exclude: []string{"*.md"}}, {Path: "LICENSE", To: "LICENSE"},
			}})
			if s.Dirty != c.dirty {
				t.Errorf("dirty %v, want %v", s.Dirty, c.dirty)
			}
		})
	}
}

// TestCloneHasTheSameSet: promise 1 of the design.
func TestCloneHasTheSameSet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"app/src/a.go": "1", "app/docs/a.md": "", "app/docs/img/x.png": "", "app/only/stowage.hcl": "", "app/.dockerignore": "**/*.md\n**/*.png\n!src\n",
		"app/.gitignore": "*.o\n", "app/bin/tool": "x", "app/odd \xc3\xa9\n\"name": "",
	})
	must(t, os.Chmod(filepath.Join(dir, "app/bin/tool"), 0o755))
	must(t, os.Symlink("/nowhere", filepath.Join(dir, "app/link")))
	commit(t, dir)
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, clone)
	write(t, dir, map[string]string{"app/void/": "", "app/objects/x.o": "", "app/docs/none/": ""})
	must(t, os.Chmod(filepath.Join(dir, "app/src/a.go"), 0o600))
	have, want := set(t, dir, planner.SourceSpec{Context: "app"}), set(t, clone, planner.SourceSpec{Context: "app"})
	expect(t, listed(have), listed(want)...)
	expect(t, listed(have), ".dockerignore", ".gitignore", "bin/tool exec", "docs/img dir", "link link /nowhere", "odd é\n\"name", "src/a.go")
	if have.Dirty || want.Dirty {
		t.Errorf("dirty %v, the clone %v", have.Dirty, want.Dirty)
	}
}

// TestIgnoredWorkspace: a workspace in a directory that the repository around
// it ignores is not that repository's.
func TestIgnoredWorkspace(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{".gitignore": "build/", "build/ws/app/f": "1", "build/ws/app/void/": ""})
	commit(t, dir)
	s := set(t, filepath.Join(dir, "build/ws"), planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f", "void dir")
	if s.Dirty {
		t.Error("dirty outside git")
	}
}

// TestOutsideContextInGit: git's rules hold for directories outside of the
// workspace too.
func TestOutsideContextInGit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/stowage.hcl": "", "shared/f": "1", "shared/x.o": "", ".gitignore": "*.o", "a": ""})
	commit(t, dir)
	s := set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "../shared", AllowOutside: true})
	expect(t, listed(s), "f")
	if s.Dirty {
		t.Error("dirty")
	}
	expect(t, listed(set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "..", AllowOutside: true})), ".gitignore", "a", "shared/f")
	write(t, dir, map[string]string{"shared/f": "2"})
	if !set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "../shared", AllowOutside: true}).Dirty {
		t.Error("clean after a change")
	}
}

// TestGitEnvironment: variables such as those that git sets for its hooks do
// not lead to another repository.
func TestGitEnvironment(t *testing.T) {
	other, dir := t.TempDir(), t.TempDir()
	write(t, other, map[string]string{"other": ""})
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, other)
	commit(t, dir)
	t.Setenv("GIT_DIR", filepath.Join(other, ".git"))
	t.Setenv("GIT_WORK_TREE", other)
	t.Setenv("GIT_INDEX_FILE", filepath.Join(other, ".git/index"))
	t.Setenv("GIT_CEILING_DIRECTORIES", dir)
	s := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f")
	if s.Dirty {
		t.Error("dirty")
	}
}

// countGit puts a git into PATH that writes down each call.
func countGit(t *testing.T) func() []string {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	real, err := exec.LookPath("git")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\necho \"$*\" >>"+log+"\nexec "+real+" \"$@\"\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() []string {
		out, err := os.ReadFile(log)
		must(t, err)
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
}

// TestGitProcesses: git is asked for the workspace, not for each context.
func TestGitProcesses(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		files[name+"/f"], files[name+"/Dockerfile"], files[name+"/.dockerignore"] = "1", "1", "Dockerfile"
	}
	write(t, dir, files)
	commit(t, dir)
	write(t, dir, map[string]string{"a/new/x/y": "", "b/void/": "", "c/f": "2"})
	for i := range 20 {
		write(t, dir, map[string]string{fmt.Sprintf("a/fresh%d/x", i): "", fmt.Sprintf("d/e/f%d/g/x", i): ""})
	}
	calls := countGit(t)
	tree := open(t, dir)
	for _, name := range []string{"a", "b", "c", "d", "e", "a", "."} {
		_, err := tree.Set(t.Context(), planner.SourceSpec{Context: name, Dockerfile: "Dockerfile"})
		must(t, err)
	}
	_, err := tree.Revision(t.Context())
	must(t, err)
	if have := calls(); len(have) > 3 {
		t.Errorf("%d git processes: %q", len(have), have)
	}
}

func TestNoGitInstalled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, dir)
	t.Setenv("PATH", t.TempDir())
	_, err := source.New(dir, source.Options{})
	if err == nil || !strings.Contains(err.Error(), "install git") {
		t.Errorf("error %v, want advice to install git", err)
	}
	plain := t.TempDir()
	write(t, plain, map[string]string{"app/f": "1"})
	expect(t, listed(set(t, plain, planner.SourceSpec{Context: "app"})), "f")
}

// TestBrokenRepository: git's own words say what to do.
func TestBrokenRepository(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", ".git/x": ""})
	_, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	if err == nil || !strings.Contains(err.Error(), "not a git repository") {
		t.Errorf("error %v", err)
	}
}

func TestForeignOwner(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, dir)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "true")
	_, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	if err == nil || !strings.Contains(err.Error(), "safe.directory") {
		t.Errorf("error %v, want one about safe.directory", err)
	}
}

// TestLateFiles: a listing is made once, and what goes afterwards is not an
// error but makes the set dirty.
func TestLateFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "app/g": "1", "lib/f": "1"})
	commit(t, dir)
	tree := open(t, dir)
	first, err := tree.Set(t.Context(), planner.SourceSpec{Context: "lib"})
	must(t, err)
	must(t, os.Remove(filepath.Join(dir, "app/g")))
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "f")
	if !s.Dirty || first.Dirty {
		t.Errorf("dirty %v and %v", s.Dirty, first.Dirty)
	}
	again, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	if again != s {
		t.Error("equal specifications gave two sets")
	}
	if !slices.IsSortedFunc(s.Files, func(a, b planner.File) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("not sorted")
	}
}

// TestOddNames: any name that a file can have, tracked or not.
func TestOddNames(t *testing.T) {
	dir := t.TempDir()
	names := []string{"README", "Readme", "a b", "a\tb", "a\nb", "back\\slash", "quote\"", "ä", ":(top)x", "-dash", "H 100644 x", "star*", " lead", "trail "}
	files := map[string]string{"app/.dockerignore": "bad*"}
	for _, name := range names {
		files["app/"+name] = "1"
		files["app/sub "+name+"/"+name] = "1"
	}
	write(t, dir, files)
	write(t, dir, map[string]string{"app/bad\xff": "1"})
	plain := listed(set(t, dir, planner.SourceSpec{Context: "app"}))
	commit(t, dir)
	tracked := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(tracked), plain...)
	if tracked.Dirty || len(plain) != len(files) {
		t.Errorf("dirty %v, files %q", tracked.Dirty, plain)
	}
	git(t, dir, "rm", "-rq", "--cached", "app")
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: "app"})), plain...)
	write(t, dir, map[string]string{"app/.dockerignore": ""})
	_, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	expectMistake(t, err, `bad\xff`)
}

// TestSparseWorktree: a linked worktree with a cone, with git's sparse index,
// and with a file renamed in case only.
func TestSparseWorktree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/app/f": "1", "ws/app/deep/f": "1", "ws/lib/f": "1", "top": ""})
	commit(t, dir)
	other := filepath.Join(t.TempDir(), "other")
	git(t, dir, "worktree", "add", "-q", other)
	git(t, other, "sparse-checkout", "set", "--cone", "ws/app")
	tree := open(t, filepath.Join(other, "ws"))
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "deep/f", "f")
	if s.Dirty {
		t.Error("dirty")
	}
	s, err = tree.Set(t.Context(), planner.SourceSpec{Context: "lib"})
	must(t, err)
	expect(t, listed(s), "f")
	if s.Dirty || s.LeftOut != "lib/f" {
		t.Errorf("dirty %v, left out %q", s.Dirty, s.LeftOut)
	}
	must(t, tree.Close())
	git(t, other, "sparse-checkout", "set", "--cone", "--sparse-index", "ws/app")
	s = set(t, filepath.Join(other, "ws"), planner.SourceSpec{Context: "."})
	expect(t, listed(s), "app/deep/f", "app/f")
	if !s.Dirty {
		t.Error("clean without ws/lib")
	}
	git(t, other, "mv", "ws/app/f", "ws/app/F")
	s = set(t, filepath.Join(other, "ws"), planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "F", "deep/f")
	if !s.Dirty {
		t.Error("clean with another name")
	}
}
