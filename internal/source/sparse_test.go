package source_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// sparseClone makes a repository, and a clone of it that has only app and the
// files at the top.
func sparseClone(t *testing.T) (full, clone string) {
	t.Helper()
	full, clone = t.TempDir(), filepath.Join(t.TempDir(), "clone")
	write(t, full, map[string]string{
		"stowage.hcl": "", ".gitignore": "*.o", "app/f": "1", "lib/f": "1", "lib/Dockerfile": "FROM x\n", "lib/.dockerignore": "**/*.md\n",
		"lib/a.md": "", "lib/stowage.hcl": "# lib", "lib/deep/g": "2", "group/one/stowage.hcl": "# one", "group/two/f": "",
	})
	must(t, os.Chmod(filepath.Join(full, "lib/f"), 0o755))
	must(t, os.Symlink("f", filepath.Join(full, "lib/link")))
	commit(t, full)
	git(t, full, "clone", "-q", full, clone)
	git(t, clone, "sparse-checkout", "set", "--cone", "app")
	if _, err := os.Stat(filepath.Join(clone, "lib")); err == nil {
		t.Fatal("git left nothing out")
	}
	return full, clone
}

// TestLeftOut: a directory that a sparse checkout leaves out has the files that
// it has in HEAD, and the rest those on disk.
func TestLeftOut(t *testing.T) {
	full, clone := sparseClone(t)
	for name, c := range map[string]struct {
		spec    planner.SourceSpec
		leftOut string
	}{
		"context":  {planner.SourceSpec{Context: "lib", Dockerfile: "Dockerfile"}, "lib/.dockerignore"},
		"a source": {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "lib/deep", To: "deep"}, {Path: "lib/link", To: "l"}}}, "lib/deep/g"},
		"around":   {planner.SourceSpec{Context: "lib", Extra: []schema.Source{{Path: "app", To: "app"}}}, "lib/.dockerignore"},
		"on disk":  {planner.SourceSpec{Context: "app"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := set(t, full, c.spec)
			tree := open(t, clone)
			have, err := tree.Set(t.Context(), c.spec)
			must(t, err)
			sameFiles(t, have, want)
			if have.Dirty || have.LeftOut != c.leftOut || want.LeftOut != "" {
				t.Errorf("dirty %v, left out %q, in the full clone %q", have.Dirty, have.LeftOut, want.LeftOut)
			}
			if content, err := tree.Dockerfile(t.Context(), "lib", "Dockerfile"); string(content) != "FROM x\n" || err != nil {
				t.Errorf("Dockerfile %q, %v", content, err)
			}
			must(t, tree.Close())
		})
	}
}

// TestLeftOutAndChanged: what is on disk counts as it is there, and what is
// staged to be another is no file of HEAD.
func TestLeftOutAndChanged(t *testing.T) {
	_, clone := sparseClone(t)
	write(t, clone, map[string]string{"app/f": "2", "lib/ignored.o": ""})
	spec := planner.SourceSpec{Context: "lib", Extra: []schema.Source{{Path: "app", To: "app"}}}
	s := set(t, clone, spec)
	expect(t, listed(s), ".dockerignore", "Dockerfile", "app/f", "deep/g", "f exec", "link link f")
	if !s.Dirty {
		t.Error("clean")
	}
	git(t, clone, "update-index", "--chmod=-x", "--", "lib/f")
	if s := set(t, clone, planner.SourceSpec{Context: "lib"}); !s.Dirty {
		t.Errorf("clean with a staged change: %q", listed(s))
	}
}

// TestLeftOutOfPartialClone: what git does not have is not missed, unless it is
// asked for.
func TestLeftOutOfPartialClone(t *testing.T) {
	full, _ := sparseClone(t)
	git(t, full, "config", "uploadpack.allowFilter", "true")
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, full, "clone", "-q", "--filter=blob:none", "--sparse", "file://"+full, clone)
	git(t, clone, "sparse-checkout", "set", "--cone", "app")
	tree := open(t, clone)
	if entries, err := fs.ReadDir(tree.FS(t.Context(), os.DirFS(clone)), "."); err != nil || len(entries) != 4 {
		t.Errorf("%v, %v; want .git, .gitignore, app and stowage.hcl", entries, err)
	}
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "f")
	if _, err = tree.Set(t.Context(), planner.SourceSpec{Context: "lib"}); err == nil || !strings.Contains(err.Error(), "no directory lib") {
		t.Errorf("error %v", err)
	}
}

// TestLeftOutConfiguration: it is read as if all were checked out.
func TestLeftOutConfiguration(t *testing.T) {
	full, clone := sparseClone(t)
	write(t, clone, map[string]string{"lib/ignored.o": ""})
	tree := open(t, clone)
	seen := func(fsys fs.FS) (names []string) {
		must(t, fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
			if e.Name() == ".git" {
				return fs.SkipDir
			}
			names = append(names, name)
			return err
		}))
		return names
	}
	fsys := tree.FS(t.Context(), os.DirFS(clone))
	want := seen(os.DirFS(full))
	if have := seen(fsys); !slices.Equal(have, want) {
		t.Errorf("files\n  %q, want\n  %q", have, want)
	}
	if content, err := fs.ReadFile(fsys, "group/one/stowage.hcl"); string(content) != "# one" || err != nil {
		t.Errorf("content %q, %v", content, err)
	}
	if info, err := fs.Stat(fsys, "lib/link"); err != nil || !info.Mode().IsRegular() {
		t.Errorf("%v, %v", info, err)
	}
	if target, err := fs.ReadLink(fsys, "lib/link"); target != "f" || err != nil {
		t.Errorf("link %q, %v", target, err)
	}
	must(t, tree.Close())
}
