package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// TestSymlinkedParents: a path of the configuration may lead over symlinks
// inside the workspace, and is then the one that they lead to. One that leads
// outside is refused wherever on the way that happens, unless it is allowed.
func TestSymlinkedParents(t *testing.T) {
	for _, inGit := range []bool{false, true} {
		dir := t.TempDir()
		write(t, dir, map[string]string{
			"ws/real/app/f": "1", "ws/real/app/Dockerfile": "FROM inside", "ws/real/app/.dockerignore": "x",
			"away/app/f": "secret", "away/app/Dockerfile": "FROM outside", "away/ignore": "f", "ws/plain/f": "", "ws/other/f": "",
		})
		for link, target := range map[string]string{
			"in": "real", "out": "../away", "real/back": "..", "plain/.dockerignore": "../../away/ignore", "other/docker": "../../away/app",
		} {
			must(t, os.Symlink(target, filepath.Join(dir, "ws", link)))
		}
		if inGit {
			commit(t, dir)
		}
		tree := open(t, filepath.Join(dir, "ws"))
		for _, context := range []string{"in/app", "real/back/in/app", "in/back/real/app"} {
			s, err := tree.Set(t.Context(), planner.SourceSpec{Context: context, Dockerfile: "Dockerfile"})
			must(t, err)
			expect(t, listed(s), ".dockerignore", "Dockerfile", "f")
			if want := filepath.Join(dir, "ws/real/app/f"); s.Files[2].Origin != want {
				t.Errorf("%s is read from %s, want %s", context, s.Files[2].Origin, want)
			}
			if content, err := tree.Dockerfile(t.Context(), context, "Dockerfile"); string(content) != "FROM inside" || err != nil {
				t.Errorf("Dockerfile %q, %v", content, err)
			}
		}
		for name, spec := range map[string]planner.SourceSpec{
			"context":     {Context: "out/app"},
			"long way":    {Context: "in/back/out/app"},
			"source":      {Context: "plain", Extra: []schema.Source{{Path: "out/app", To: "x"}}},
			"source file": {Context: "plain", Extra: []schema.Source{{Path: "in/back/out/app/f", To: "x"}}},
			"ignore file": {Context: "plain"},
		} {
			if _, err := tree.Set(t.Context(), spec); err == nil {
				t.Errorf("%s: it was read", name)
			} else {
				expectMistake(t, err, "outside the workspace")
			}
		}
		_, err := tree.Dockerfile(t.Context(), "other", "docker/Dockerfile")
		expectMistake(t, err, "outside the workspace")
		s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "out/app", AllowOutside: true})
		must(t, err)
		expect(t, listed(s), "Dockerfile", "f")
	}
}

// TestSymlinksInAContext: what is behind a symlink in a context is not read,
// even where git tracked a directory or a submodule before.
func TestSymlinksInAContext(t *testing.T) {
	away := t.TempDir()
	write(t, away, map[string]string{"sub/secret": "1"})
	commit(t, filepath.Join(away, "sub"))
	link := func(t *testing.T, name, target string) {
		t.Helper()
		must(t, os.RemoveAll(name))
		must(t, os.Symlink(target, name))
	}
	for name, c := range map[string]struct {
		change  func(t *testing.T, d string)
		context string
		files   []string
	}{
		"a fresh symlink": {
			func(t *testing.T, d string) { link(t, filepath.Join(d, "app/fresh"), away) }, "app",
			[]string{".dockerignore", "f", "fresh link " + away, "sub/.gitignore", "sub/lib.c"},
		},
		"instead of the submodule": {
			func(t *testing.T, d string) { link(t, filepath.Join(d, "app/sub"), filepath.Join(away, "sub")) }, "app",
			[]string{".dockerignore", "f", "sub link " + filepath.Join(away, "sub")},
		},
		"instead of its parent": {
			func(t *testing.T, d string) { link(t, filepath.Join(d, "app"), away) }, ".",
			[]string{".gitmodules", "app link " + away},
		},
		"a file instead of the submodule": {
			func(t *testing.T, d string) {
				must(t, os.RemoveAll(filepath.Join(d, "app/sub")))
				write(t, d, map[string]string{"app/sub": "1"})
			}, "app",
			[]string{".dockerignore", "f", "sub"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := withSubmodule(t)
			c.change(t, dir)
			s := set(t, dir, planner.SourceSpec{Context: c.context})
			expect(t, listed(s), c.files...)
			if !s.Dirty {
				t.Error("clean")
			}
		})
	}
}

// TestOmit: what the program itself writes into the workspace is in no set,
// unless git tracks it.
func TestOmit(t *testing.T) {
	for _, inGit := range []bool{false, true} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"app/f": "1", "app/tracked.plan": "1", "other/f": ""})
		if inGit {
			commit(t, dir)
		}
		must(t, os.Symlink("app", filepath.Join(dir, "link")))
		files := func() []string {
			tree, err := source.New(dir, source.Options{Omit: []string{
				filepath.Dir(dir), dir, filepath.Join(dir, "link/.own/store"), filepath.Join(dir, "app/x.plan"), filepath.Join(dir, "app/tracked.plan"), filepath.Join(dir, "none/deep"),
			}})
			must(t, err)
			s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
			must(t, err)
			if s.Dirty {
				t.Error("dirty")
			}
			return listed(s)
		}
		before := files()
		write(t, dir, map[string]string{"app/.own/store/index.json": "", "app/.own/store/blobs/x": "", "app/x.plan": ""})
		expect(t, files(), before...)
		if want := map[bool]int{true: 2, false: 1}[inGit]; len(before) != want {
			t.Errorf("files %q, want %d", before, want)
		}
		write(t, dir, map[string]string{"app/x.plan2": ""})
		s := set(t, dir, planner.SourceSpec{Context: "app"})
		if len(s.Files) < 5 {
			t.Errorf("without being told %q", listed(s))
		}
	}
}
