package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// believed are settings of git's, the disk's executable bits and symlinks as
// they are where they mean nothing.
var believed = map[string]struct {
	settings []string
	damage   func(t *testing.T, dir string)
}{
	"executable bits": {
		[]string{"core.fileMode=false"},
		func(t *testing.T, dir string) {
			must(t, os.Chmod(filepath.Join(dir, "app/run.sh"), 0o644))
			must(t, os.Chmod(filepath.Join(dir, "app/f"), 0o755))
			must(t, os.Chmod(filepath.Join(dir, "LICENSE"), 0o755))
		},
	},
	"symlinks": {[]string{"core.symlinks=false"}, func(*testing.T, string) {}},
	"both": {
		[]string{"core.fileMode=false", "core.symlinks=false"},
		func(t *testing.T, dir string) {
			for _, name := range []string{"app/f", "app/link", "app/Dockerfile", "shared/Dockerfile"} {
				must(t, os.Chmod(filepath.Join(dir, name), 0o777))
			}
		},
	},
}

// TestModesThatMeanNothing: where git does not believe the disk's executable
// bits or has no symlinks, a commit has the set that it has elsewhere.
func TestModesThatMeanNothing(t *testing.T) {
	dir := withSubmodule(t)
	write(t, dir, map[string]string{
		"app/f": "1", "app/run.sh": "#!/bin/sh\n", "app/a.md": "", "app/b.txt": "", "LICENSE": "1\n", "shared/Dockerfile": "FROM x\n",
		"shared/ignore": "*.txt\n**/*.md\n",
	})
	must(t, os.Remove(filepath.Join(dir, "app/.dockerignore")))
	must(t, os.Chmod(filepath.Join(dir, "app/run.sh"), 0o755))
	for name, target := range map[string]string{
		"link": "f", "dangling": "/no/such", "Dockerfile": "../shared/Dockerfile", ".dockerignore": "again", "again": "../shared/ignore",
	} {
		must(t, os.Symlink(target, filepath.Join(dir, "app", name)))
	}
	commit(t, dir)
	spec := planner.SourceSpec{Context: "app", Dockerfile: "Dockerfile", Extra: []schema.Source{{Path: "LICENSE", To: "LICENSE"}}}
	want := set(t, dir, spec)
	expect(t, listed(want), ".dockerignore link again", "Dockerfile link ../shared/Dockerfile", "LICENSE", "again link ../shared/ignore",
		"dangling link /no/such", "f", "link link f", "run.sh exec", "sub/.gitignore", "sub/lib.c")
	for name, c := range believed {
		t.Run(name, func(t *testing.T) {
			other := filepath.Join(t.TempDir(), "clone")
			args := []string{"clone", "-q", "--recurse-submodules"}
			for _, s := range c.settings {
				args = append(args, "-c", s)
			}
			git(t, dir, append(args, dir, other)...)
			c.damage(t, other)
			tree := open(t, other)
			have, err := tree.Set(t.Context(), spec)
			must(t, err)
			sameFiles(t, have, want)
			if have.Dirty {
				t.Error("dirty")
			}
			if content, err := tree.Dockerfile(t.Context(), "app", "Dockerfile"); string(content) != "FROM x\n" || err != nil {
				t.Errorf("Dockerfile %q, %v", content, err)
			}
			then, err := at(t, other, "HEAD").Set(t.Context(), spec)
			must(t, err)
			sameFiles(t, then, want)
		})
	}
}

// sameFiles fails unless two sets are the same but for where they are.
func sameFiles(t *testing.T, have, want *planner.SourceSet) {
	t.Helper()
	if !slices.EqualFunc(have.Files, want.Files, func(a, b planner.File) bool {
		a.Origin, b.Origin = "", ""
		return a == b
	}) {
		t.Errorf("files\n  %+v, want\n  %+v", have.Files, want.Files)
	}
}

// TestChangesWhereModesMeanNothing: what git would commit there.
func TestChangesWhereModesMeanNothing(t *testing.T) {
	chmod := func(t *testing.T, name string) { must(t, os.Chmod(name, 0o755)) }
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string)
		want   []string
		dirty  bool
		asked  bool // only git can tell, which is not asked again
	}{
		"mode":         {func(t *testing.T, d string) { chmod(t, d+"/app/f") }, []string{"f", "link link f"}, false, false},
		"content":      {func(t *testing.T, d string) { write(t, d, map[string]string{"app/f": "2"}); chmod(t, d+"/app/f") }, []string{"f", "link link f"}, true, false},
		"mode for git": {func(t *testing.T, d string) { git(t, d, "update-index", "--chmod=+x", "app/f") }, []string{"f exec", "link link f"}, true, true},
		"target":       {func(t *testing.T, d string) { write(t, d, map[string]string{"app/link": "g"}) }, []string{"f", "link link g"}, true, false},
		"a symlink": {func(t *testing.T, d string) {
			must(t, os.Remove(d+"/app/f"))
			must(t, os.Symlink("g", d+"/app/f"))
		}, []string{"f link g", "link link f"}, true, false},
		"new": {func(t *testing.T, d string) {
			write(t, d, map[string]string{"app/new": ""})
			chmod(t, d+"/app/new")
		}, []string{"f", "link link f", "new"}, true, true},
		"unwatched": {func(t *testing.T, d string) {
			git(t, d, "update-index", "--assume-unchanged", "app/f", "app/link")
			chmod(t, d+"/app/f")
		}, []string{"f", "link link f"}, false, true},
	} {
		for _, late := range []bool{false, true} {
			if late && c.asked {
				continue
			}
			t.Run(fmt.Sprintf("%s, late %t", name, late), func(t *testing.T) {
				first, dir := t.TempDir(), filepath.Join(t.TempDir(), "clone")
				write(t, first, map[string]string{"app/f": "1", "other/f": ""})
				must(t, os.Symlink("f", filepath.Join(first, "app/link")))
				commit(t, first)
				git(t, first, "clone", "-q", "-c", "core.fileMode=false", "-c", "core.symlinks=false", first, dir)
				tree := open(t, dir)
				if late {
					_, err := tree.Set(t.Context(), planner.SourceSpec{Context: "other"})
					must(t, err)
				}
				c.change(t, dir)
				s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
				must(t, err)
				expect(t, listed(s), c.want...)
				if s.Dirty != c.dirty {
					t.Errorf("dirty %v, want %v", s.Dirty, c.dirty)
				}
			})
		}
	}
}

// TestModesOfIgnoredFiles: git has none, so that those on disk hold.
func TestModesOfIgnoredFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", ".gitignore": "/bin", "bin/tool": ""})
	commit(t, dir)
	git(t, dir, "config", "core.fileMode", "false")
	must(t, os.Chmod(filepath.Join(dir, "bin/tool"), 0o755))
	s := set(t, dir, planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "bin/tool", To: "tool"}}})
	expect(t, listed(s), "f", "tool exec")
}

// TestSymlinksThatStandForEachOther: a circle of them is an error.
func TestSymlinksThatStandForEachOther(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	must(t, os.Symlink("b", filepath.Join(dir, "app/Dockerfile")))
	must(t, os.Symlink("Dockerfile", filepath.Join(dir, "app/b")))
	commit(t, dir)
	other := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", "-c", "core.symlinks=false", dir, other)
	if _, err := open(t, other).Dockerfile(t.Context(), "app", "Dockerfile"); err == nil {
		t.Error("no error")
	}
	tree, err := source.New(other, source.Options{})
	must(t, err)
	s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "Dockerfile link b", "b link Dockerfile", "f")
}
