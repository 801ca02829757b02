package source_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// TestWrittenMeanwhile: git is asked once, and a file that is written after it
// has looked makes the set dirty, though git found it unchanged.
func TestWrittenMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, d string)
		dirty  bool
	}{
		"nothing":   {func(*testing.T, string) {}, false},
		"content":   {func(t *testing.T, d string) { write(t, d, map[string]string{"app/f": "2"}) }, true},
		"mode":      {func(t *testing.T, d string) { must(t, os.Chmod(filepath.Join(d, "app/f"), 0o755)) }, true},
		"symlink":   {func(t *testing.T, d string) { relink(t, d, "app/link", "g") }, true},
		"same link": {func(t *testing.T, d string) { relink(t, d, "app/link", "f") }, false},
		"touched":   {func(t *testing.T, d string) { write(t, d, map[string]string{"app/f": "1", "app/dos.bat": "x\r\n"}) }, false},
		"converted": {func(t *testing.T, d string) { write(t, d, map[string]string{"app/dos.bat": "y\r\n"}) }, true},
		"type":      {func(t *testing.T, d string) { relink(t, d, "app/f", "link") }, true},
		"unsent":    {func(t *testing.T, d string) { write(t, d, map[string]string{"app/Dockerfile": "FROM y"}) }, true},
		"source":    {func(t *testing.T, d string) { write(t, d, map[string]string{"LICENSE": "2"}) }, true},
		"submodule": {func(t *testing.T, d string) { write(t, d, map[string]string{"app/sub/lib.c": "2"}) }, true},
		"elsewhere": {func(t *testing.T, d string) { write(t, d, map[string]string{"other/f": "2"}) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withSubmodule(t)
			write(t, dir, map[string]string{
				".gitattributes": "*.bat text eol=crlf\n", "app/f": "1", "app/dos.bat": "x\r\n", "app/Dockerfile": "FROM x",
				"app/.dockerignore": "Dockerfile\n**/*.md", "LICENSE": "1", "other/f": "1",
			})
			must(t, os.Symlink("f", filepath.Join(dir, "app/link")))
			commit(t, dir)
			tree := open(t, dir)
			_, err := tree.Set(t.Context(), planner.SourceSpec{Context: "other"})
			must(t, err)
			c.change(t, dir)
			s, err := tree.Set(t.Context(), planner.SourceSpec{
				Context: "app", Dockerfile: "Dockerfile", Extra: []schema.Source{{Path: "LICENSE", To: "LICENSE"}},
			})
			must(t, err)
			if s.Dirty != c.dirty {
				t.Errorf("dirty %v, want %v", s.Dirty, c.dirty)
			}
		})
	}
}

func relink(t *testing.T, dir, name, target string) {
	t.Helper()
	must(t, os.Remove(filepath.Join(dir, name)))
	must(t, os.Symlink(target, filepath.Join(dir, name)))
}

// TestManyFilteredFiles: git is asked once how it would store them, whatever
// their names.
func TestManyFilteredFiles(t *testing.T) {
	dir := withSubmodule(t)
	names := []string{"a", "b c", "quote\"d", "line\nend", "back\\slash", "cr\r", " lead", "-dash", "ä", "dir/deep"}
	files := map[string]string{".gitattributes": "*.bat text eol=crlf\n", "other/f": "1"}
	for _, name := range names {
		files["app/"+name+".bat"] = "x\r\n"
	}
	write(t, dir, files)
	must(t, os.Rename(filepath.Join(dir, "app/cr\r.bat"), filepath.Join(dir, "app/x.bat\r")))
	write(t, dir, map[string]string{".gitattributes": "*.bat* text eol=crlf\n"})
	commit(t, dir)
	tree := open(t, dir)
	_, err := tree.Set(t.Context(), planner.SourceSpec{Context: "other"})
	must(t, err)
	delete(files, "app/cr\r.bat")
	files["app/x.bat\r"] = "x\r\n"
	delete(files, ".gitattributes")
	write(t, dir, files) // the same again
	calls := countGit(t)
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	if s.Dirty {
		t.Error("dirty")
	}
	if have := calls(); len(have) != 1 {
		t.Errorf("git processes %q", have)
	}
}

// TestEditThatKeepsSizeAndMtime: it makes a set dirty, whatever the repository
// has git compare.
func TestEditThatKeepsSizeAndMtime(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	name := filepath.Join(dir, "app/f")
	past := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(name, past, past))
	commit(t, dir)
	git(t, dir, "config", "core.checkStat", "minimal")
	git(t, dir, "config", "core.trustctime", "false")
	time.Sleep(1100 * time.Millisecond) // git compares seconds
	must(t, os.WriteFile(name, []byte("2"), 0o644))
	must(t, os.Chtimes(name, past, past))
	time.Sleep(100 * time.Millisecond) // or it is late, and compared in any case
	s, err := open(t, dir).Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	if !s.Dirty {
		t.Error("clean")
	}
}

// TestPrefetch: what has been started early is what everybody gets, and a tree
// that is closed before that ends works all the same.
func TestPrefetch(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	commit(t, dir)
	calls := countGit(t)
	tree := open(t, dir)
	tree.Prefetch(t.Context())
	for range 2 {
		s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
		must(t, err)
		expect(t, listed(s), "f")
	}
	if rev, err := tree.Revision(t.Context()); len(rev) != 40 || err != nil {
		t.Errorf("revision %q, %v", rev, err)
	}
	must(t, tree.Close())
	if have := calls(); len(have) != 3 {
		t.Errorf("git processes %q", have)
	}
	early := open(t, dir)
	early.Prefetch(t.Context())
	must(t, early.Close())
	s, err := early.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "f")
}
