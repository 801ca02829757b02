package source_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// write makes files below dir; a name that ends in a slash is a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		parent := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		if parent == path {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func open(t *testing.T, dir string) *source.Tree {
	t.Helper()
	tree, err := source.New(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func set(t *testing.T, dir string, spec planner.SourceSpec) *planner.SourceSet {
	t.Helper()
	s, err := open(t, dir).Set(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed are the paths and types of a set.
func listed(s *planner.SourceSet) []string {
	var out []string
	for _, f := range s.Files {
		line := f.Path
		if f.Type != planner.FileRegular {
			line += " " + string(f.Type)
		}
		if f.Link != "" {
			line += " " + f.Link
		}
		out = append(out, line)
	}
	return out
}

func expect(t *testing.T, have []string, want ...string) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Fatalf("files\n  %q, want\n  %q", have, want)
	}
}

func TestOutsideGit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"app/b": "1", "app/a/x": "2", "app/a.txt": "3", "app/empty/deep/": "", "app/stowage.hcl": "", "app/x.stowage.hclvars": "",
		"app/.git/config": "", "other/y": "",
	})
	if err := os.Chmod(filepath.Join(dir, "app/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "app/link")); err != nil {
		t.Fatal(err)
	}
	s := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "a/x", "a.txt", "b exec", "empty/deep dir", "link link /etc/passwd")
	if s.Dirty {
		t.Error("dirty outside git")
	}
	if f := s.Files[0]; f.Size != 1 || f.Digest != "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35" {
		t.Errorf("file %+v", f)
	}
}

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
	expect(t, listed(s), ".gitignore", "fresh/deep/z", "fresh/none dir", "kept.o", "new line\nname", "tracked", "untracked", "void dir")
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

func TestNestedRepositories(t *testing.T) {
	inner, dir := t.TempDir(), t.TempDir()
	write(t, inner, map[string]string{"lib.c": "1"})
	git(t, inner, "init", "-q")
	git(t, inner, "add", "-A")
	git(t, inner, "commit", "-qm", "inner")
	write(t, dir, map[string]string{"app/f": "1", "app/nested/n": "1", "app/nested/x.o": "1", "app/nested/.gitignore": "*.o"})
	git(t, dir, "init", "-q")
	git(t, dir, "submodule", "add", "-q", inner, "app/sub")
	git(t, filepath.Join(dir, "app/nested"), "init", "-q")
	s := set(t, dir, planner.SourceSpec{Context: "app"})
	expect(t, listed(s), "f", "nested/.gitignore", "nested/n", "sub/lib.c")
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

// TestIgnoreAgainstBuildKit compares the set with what BuildKit's own file
// transfer takes with the same .dockerignore.
func TestIgnoreAgainstBuildKit(t *testing.T) {
	files := map[string]string{
		"a": "", "a.md": "", "README.md": "", "src/a.go": "", "src/a.md": "", "src/deep/b.go": "", "src/deep/c.md": "",
		"vendor/x/y": "", "vendor/keep/z": "", ".env": "", "Dockerfile": "", "node_modules/m/index.js": "", "dir with space/f": "",
	}
	for _, ignore := range []string{
		"", "*.md", "**/*.md", "*\n!src", "*\n!src/deep", "vendor\n!vendor/keep", "vendor/*\n!vendor/keep", "**\n!**/*.go",
		"src/**/deep", "# comment\n\n  *.md  \n", "/a", "./a", "a/", "!a", ".*", "Dockerfile\n.dockerignore", "dir with space",
		"**/node_modules", "src\n!src/a.go\nsrc/a.go", "[a-b]*", "?", "*.md\n!README.md", "!*.md\n*.md", "src/../a", "**/deep/**",
	} {
		t.Run(ignore, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, files)
			write(t, dir, map[string]string{".dockerignore": ignore})
			patterns, err := ignorefile.ReadAll(strings.NewReader(ignore))
			if err != nil {
				t.Fatal(err)
			}
			base, err := fsutil.NewFS(dir)
			if err != nil {
				t.Fatal(err)
			}
			filtered, err := fsutil.NewFilterFS(base, &fsutil.FilterOpt{ExcludePatterns: patterns})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if err := filtered.Walk(t.Context(), "", func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					want = append(want, path)
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
			expect(t, listed(set(t, dir, planner.SourceSpec{Context: "."})), want...)
		})
	}
}

func TestIgnoreFileOfTheDockerfile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "", "b": "", "build/Dockerfile": "", ".dockerignore": "a", "build/Dockerfile.dockerignore": "b"})
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: ".", Dockerfile: "build/Dockerfile"})),
		".dockerignore", "a", "build/Dockerfile", "build/Dockerfile.dockerignore")
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: ".", Dockerfile: "other"})),
		".dockerignore", "b", "build/Dockerfile", "build/Dockerfile.dockerignore")
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "vendor/a.go": "", "vendor/b.txt": "", "vendor/testdata/c.go": "", "LICENSE": "l"})
	s := set(t, dir, planner.SourceSpec{Context: "app", Extra: []schema.Source{
		{Path: "vendor", To: "third/party", Include: []string{"**/*.go"}, Exclude: []string{"**/testdata"}},
		{Path: "LICENSE", To: "LICENSE"},
	}})
	expect(t, listed(s), "LICENSE", "f", "third/party/a.go")
}

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/app/f": "1", "ws/app/g/h": "1", "ws/x": "2", "outside/o": ""})
	if err := os.Symlink("../outside", filepath.Join(dir, "ws/escape")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec planner.SourceSpec
		want string
	}{
		"missing":         {planner.SourceSpec{Context: "nothing"}, "no directory nothing"},
		"file":            {planner.SourceSpec{Context: "x"}, "not a directory"},
		"outside":         {planner.SourceSpec{Context: "../outside"}, "outside the workspace"},
		"symlink outside": {planner.SourceSpec{Context: "escape"}, "outside the workspace"},
		"missing source":  {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "nothing", To: "x"}}}, "no nothing"},
		"two on one path": {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "x", To: "f"}}}, "both go to f"},
		"below a file":    {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "x", To: "f/deep"}}}, "which is a file there"},
		"source outside":  {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "../outside", To: "o"}}}, "outside the workspace"},
	} {
		_, err := open(t, filepath.Join(dir, "ws")).Set(t.Context(), c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		var mistake interface{ ConfigurationMistake() bool }
		if !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &mistake) {
			t.Errorf("%s: %v is no mistake in the configuration", name, err)
		}
	}
	s := set(t, filepath.Join(dir, "ws"), planner.SourceSpec{Context: "../outside", AllowOutside: true})
	expect(t, listed(s), "o")
}

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	if err := os.WriteFile(filepath.Join(dir, "app", "bad\xffname"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	if err == nil || !strings.Contains(err.Error(), `bad\xffname`) {
		t.Errorf("file name that is not UTF-8: %v", err)
	}
}

// TestFingerprints: a remembered digest is used only while nothing about the
// file has changed, and a damaged cache is an empty one.
func TestFingerprints(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "sub", "cache")
	write(t, dir, map[string]string{"app/f": "one"})
	old := time.Now().Add(-time.Hour)
	digest := func() string {
		t.Helper()
		tree, err := source.New(dir, source.Options{CachePath: cache})
		if err != nil {
			t.Fatal(err)
		}
		s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Save(); err != nil {
			t.Fatal(err)
		}
		return s.Files[0].Digest
	}
	age := func() {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, "app/f"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	age()
	first := digest()
	if again := digest(); again != first {
		t.Fatalf("digest %s, then %s", first, again)
	}
	// The same size and modification time: only the change time differs.
	write(t, dir, map[string]string{"app/f": "two"})
	age()
	second := digest()
	if second == first {
		t.Fatal("a change with the old modification time went unseen")
	}
	for _, damage := range []string{"", "x", strings.Repeat("y", 500)} {
		if err := os.MkdirAll(filepath.Dir(cache), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cache, []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if have := digest(); have != second {
			t.Errorf("with a damaged cache: %s, want %s", have, second)
		}
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
	if url := tree.RemoteURL(t.Context()); url != "https://example.com/acme/repo.git" {
		t.Errorf("remote %q", url)
	}
	outside := open(t, t.TempDir())
	if _, err := outside.Commit(); err == nil || !strings.Contains(err.Error(), "not in a git work tree") {
		t.Errorf("commit outside git: %v", err)
	}
}
