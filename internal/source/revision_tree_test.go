package source_test

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestRevisionTreeID compares with what git says of a repository that has no
// configuration files.
func TestRevisionTreeID(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		files := map[string]string{
			"ws/app/a/x": "1", "ws/app/a.b": "", "ws/app/a-b/x": "", "ws/app/a0": "", "ws/app/f": "2", "ws/app/deep/er/y": "3", "ws/lib/z": "", "beside": "",
		}
		bare, dir := t.TempDir(), t.TempDir()
		for _, at := range []string{bare, dir} {
			git(t, at, "init", "-q", "--object-format="+format)
			write(t, at, files)
			must(t, os.Chmod(filepath.Join(at, "ws/app/f"), 0o755))
			must(t, os.Symlink("f", filepath.Join(at, "ws/app/l")))
			must(t, os.Symlink("app", filepath.Join(at, "ws/linked")))
		}
		write(t, dir, map[string]string{
			"ws/stowage.hcl": "", "ws/app/stowage.hcl": "x", "ws/app/deep/er/x.stowage.hclvars": "", "ws/app/only/deep/stowage.hcl.json": "{}", "ws/none/stowage.hcl": "",
		})
		commit(t, bare)
		commit(t, dir)
		leave(t, dir)
		must(t, os.MkdirAll(filepath.Join(dir, "ws"), 0o755))
		r := at(t, filepath.Join(dir, "ws"), "HEAD~1")
		want := func(path string) string { return ask(t, bare, "rev-parse", "HEAD:"+path) }
		for name, path := range map[string]string{
			"app": "ws/app", ".": "ws", "./app/": "ws/app", "lib": "ws/lib", "linked": "ws/app", "app/deep": "ws/app/deep", "..": "", "app/f": "ws/app/f",
		} {
			if id, err := r.TreeID(t.Context(), []string{name}); id != want(path) || err != nil {
				t.Errorf("%s, %s: %s, %v, want %s", format, name, id, err, want(path))
			}
		}
		several := sha1.Sum([]byte(want("ws/lib") + want("ws/app")))
		if id, err := r.TreeID(t.Context(), []string{"lib", "app"}); id != hex.EncodeToString(several[:]) || err != nil {
			t.Errorf("%s, of two: %s, %v", format, id, err)
		}
		if _, err := r.TreeID(t.Context(), []string{"nothing"}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("of none: %v", err)
		}
		_, err := r.TreeID(t.Context(), []string{"../.."})
		expectMistake(t, err, "outside the repository")
	}
}

// TestRevisionTreeIDOfSubmodules: a submodule counts as its commit, whatever
// is in it.
func TestRevisionTreeIDOfSubmodules(t *testing.T) {
	inner, dir := t.TempDir(), t.TempDir()
	write(t, inner, map[string]string{"stowage.hcl": "", "f": ""})
	commit(t, inner)
	write(t, dir, map[string]string{"app/f": "1"})
	git(t, dir, "init", "-q")
	git(t, dir, "submodule", "--quiet", "add", inner, "app/sub")
	commit(t, dir)
	if id, err := at(t, dir, "HEAD").TreeID(t.Context(), []string{"app"}); id != ask(t, dir, "rev-parse", "HEAD:app") || err != nil {
		t.Errorf("%s, %v", id, err)
	}
}
