package source_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

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

func TestSources(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "vendor/a.go": "", "vendor/b.txt": "", "vendor/testdata/c.go": "", "LICENSE": "l"})
	s := set(t, dir, planner.SourceSpec{Context: "app", Extra: []schema.Source{
		{Path: "vendor", To: "third/party", Include: []string{"**/*.go"}, Exclude: []string{"**/testdata"}},
		{Path: "LICENSE", To: "LICENSE"},
	}})
	expect(t, listed(s), "LICENSE", "f", "third/party/a.go")
}

// TestEmptySources: directories that no file comes from are named, whatever
// the cause.
func TestEmptySources(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", ".gitignore": "out", "out/tool": "", "vendor/a.go": "", "own/stowage.hcl": ""})
	commit(t, dir)
	s := set(t, dir, planner.SourceSpec{Context: "app", Extra: []schema.Source{
		{Path: "out", To: "out"}, {Path: "vendor", To: "vendor"}, {Path: "vendor", To: "c", Include: []string{"*.c"}},
		{Path: "own", To: "own"}, {Path: "out/tool", To: "tool"},
	}})
	expect(t, listed(s), "f", "tool", "vendor/a.go")
	if want := []int{0, 2, 3}; !slices.Equal(s.Empty, want) {
		t.Errorf("empty %v, want %v", s.Empty, want)
	}
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
		"missing source":  {planner.SourceSpec{Context: "app", Extra: []schema.Source{{Path: "nothing", To: "x"}}}, "no source nothing"},
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
