package source_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// at opens a revision of the workspace in dir.
func at(t testing.TB, dir, rev string) *source.Revision {
	t.Helper()
	tree, err := source.New(dir, source.Options{})
	must(t, err)
	r, err := tree.At(t.Context(), rev)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// read returns a source set, and without where its files are.
func read(t *testing.T, from planner.Sources, spec planner.SourceSpec) []planner.File {
	t.Helper()
	s, err := from.Set(t.Context(), spec)
	if err != nil {
		t.Fatalf("%+v: %v", spec, err)
	}
	if s.Dirty {
		t.Errorf("%+v is dirty", spec)
	}
	files := make([]planner.File, len(s.Files))
	for i, f := range s.Files {
		f.Origin = ""
		files[i] = f
	}
	return files
}

// leave makes a commit that has nothing of the one before but a file with
// other content, so that the work tree cannot help to read it.
func leave(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "rm", "-rqf", ".")
	write(t, dir, map[string]string{"other": "other"})
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "other")
}

// expectSame compares the sets of a work tree, where all is committed, with
// those of the commit: while it is checked out, and when it is no longer.
// workspace is the workspace's directory in the repository dir.
func expectSame(t *testing.T, dir, workspace string, specs ...planner.SourceSpec) {
	t.Helper()
	root := filepath.Join(dir, workspace)
	now, here := open(t, root), at(t, root, "HEAD")
	want := make([][]planner.File, len(specs))
	for i, spec := range specs {
		want[i] = read(t, now, spec)
		if have := read(t, here, spec); !reflect.DeepEqual(have, want[i]) {
			t.Errorf("%+v, checked out:\n  %+v, want\n  %+v", spec, have, want[i])
		}
	}
	leave(t, dir)
	must(t, os.MkdirAll(root, 0o755))
	gone := at(t, root, "HEAD~1")
	for i, spec := range specs {
		if have := read(t, gone, spec); !reflect.DeepEqual(have, want[i]) {
			t.Errorf("%+v, from objects:\n  %+v, want\n  %+v", spec, have, want[i])
		}
	}
}

func TestRevisionSets(t *testing.T) {
	type layout struct {
		files map[string]string
		links map[string]string
		exec  []string
		specs []planner.SourceSpec
	}
	for name, c := range map[string]layout{
		"plain": {
			files: map[string]string{"app/f": "1", "app/empty": "", "app/d/e/f": "2", "app/d.txt": "3", "app/stowage.hcl": "#", "app/x.stowage.hclvars": "", "lib/g": "1"},
			exec:  []string{"app/d/e/f"},
			specs: []planner.SourceSpec{{Context: "app"}, {Context: "."}, {Context: "app/d"}, {Context: "./app/../lib/"}},
		},
		"ignore file with exceptions": {
			files: map[string]string{
				"app/.dockerignore": "**/*.md\nvendor\n!vendor/keep\ndocs/*\n", "app/a.md": "", "app/vendor/x": "", "app/vendor/keep/y": "",
				"app/docs/img/p.png": "", "app/docs/q": "", "app/src/a.go": "", "app/src/a.md": "", "app/only/stowage.hcl": "", "app/Dockerfile": "",
			},
			specs: []planner.SourceSpec{{Context: "app"}, {Context: "app", Dockerfile: "Dockerfile"}, {Context: "."}},
		},
		"ignore file of the Dockerfile": {
			files: map[string]string{"a": "", "b": "", "build/Dockerfile": "", ".dockerignore": "a", "build/Dockerfile.dockerignore": "b\nbuild"},
			specs: []planner.SourceSpec{{Context: "."}, {Context: ".", Dockerfile: "build/Dockerfile"}, {Context: ".", Dockerfile: "./build/../build/Dockerfile"}},
		},
		"ignore file that is a symlink": {
			files: map[string]string{"shared/ignore": "*.md", "app/a.md": "", "app/b": ""},
			links: map[string]string{"app/.dockerignore": "../shared/ignore"},
			specs: []planner.SourceSpec{{Context: "app"}},
		},
		"symlinks": {
			files: map[string]string{"app/f": "1", "app/d/g": "1", "real/x/y": "1"},
			links: map[string]string{
				"app/relative": "d/g", "app/dangling": "nowhere/at/all", "app/absolute": "/etc/passwd", "app/dir": "d", "app/up": "../..", "app/self": "self",
				"linked": "real", "deep": "linked/x", "over": "app/../deep", "app/d/odd": "new\nline",
			},
			specs: []planner.SourceSpec{{Context: "app"}, {Context: "linked"}, {Context: "linked/x"}, {Context: "deep"}, {Context: "over"}, {Context: "."}, {Context: "app/dir"}},
		},
		"sources": {
			files: map[string]string{
				"app/f": "1", "app/.dockerignore": "skip", "vendor/a.go": "1", "vendor/b.txt": "", "vendor/testdata/c.go": "", "vendor/deep/d.go": "", "LICENSE": "l", "tool": "x",
			},
			links: map[string]string{"LINK": "LICENSE", "vendored": "vendor", "vendor/l": "a.go"},
			exec:  []string{"tool"},
			specs: []planner.SourceSpec{
				{Context: "app", Extra: []schema.Source{{Path: "vendor", To: "third/party", Include: []string{"**/*.go"}, Exclude: []string{"**/testdata"}}, {Path: "LICENSE", To: "LICENSE"}}},
				{Context: "app", Extra: []schema.Source{{Path: "vendored", To: "."}, {Path: "tool", To: "bin/tool"}, {Path: "LINK", To: "."}}},
				{Context: "app", Extra: []schema.Source{{Path: "vendor", To: "v", Exclude: []string{"*", "!deep"}}, {Path: "vendor/deep", To: "v/deep"}}},
			},
		},
		"odd names": {
			files: map[string]string{
				"app/new\nline": "1", "app/tab\t": "", "app/quo\"te": "", "app/back\\slash": "", "app/ü": "", "app/-dash": "", "app/:colon": "", "app/*": "",
				"app/[x]": "", "app/ lead": "", "app/trail ": "", "app/a": "", "app/a.b/c": "", "app/a-b/c": "", "app/a0": "", "app/...": "", "app/HEAD": "",
				":odd dir\n/f": "1", ":odd dir\n/.dockerignore": "x",
			},
			specs: []planner.SourceSpec{{Context: "app"}, {Context: ":odd dir\n"}, {Context: "."}},
		},
		"many files": {files: manyFiles(300), specs: []planner.SourceSpec{{Context: "app"}, {Context: "."}}},
	} {
		for _, workspace := range []string{".", "some/where"} {
			t.Run(name+" in "+workspace, func(t *testing.T) {
				dir := t.TempDir()
				root := filepath.Join(dir, workspace)
				write(t, root, c.files)
				write(t, dir, map[string]string{"beside": "", "some/beside": ""})
				for path, target := range c.links {
					must(t, os.Symlink(target, filepath.Join(root, path)))
				}
				for _, path := range c.exec {
					must(t, os.Chmod(filepath.Join(root, path), 0o755))
				}
				commit(t, dir)
				expectSame(t, dir, workspace, c.specs...)
			})
		}
	}
}

func manyFiles(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("app/%d/%d", i%7, i)] = strings.Repeat("x", i*i)
	}
	return files
}

// TestRevisionOfRandomWorkspaces does the same with files, symlinks, ignore
// files and source blocks put together at random.
func TestRevisionOfRandomWorkspaces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names := []string{"a", "b", "a.b", "a-b", "c d", "é", "n\nl", "-x", "q\"", "*", "deep", "src", "f.md", "f.go", "stowage.hcl"}
	patterns := []string{"a", "*", "**", "src", "**/*.md", "!**/*.go", "!deep", "deep/*", "!src/a", "*/b", "!*/a/**", "?", "**/deep", "# x"}
	pick := func(from []string) string { return from[r.IntN(len(from))] }
	lines := func(n int) []string {
		var out []string
		for range r.IntN(n) {
			out = append(out, pick(patterns))
		}
		return out
	}
	for range 12 {
		dir := t.TempDir()
		tops := []string{"app", "lib", "src"}
		for _, top := range tops {
			write(t, dir, map[string]string{top + "/.dockerignore": strings.Join(lines(5), "\n"), top + "/Dockerfile": "FROM scratch"})
		}
		for range 40 {
			parts := []string{pick(tops)}
			for range 1 + r.IntN(3) {
				parts = append(parts, pick(names))
			}
			path := filepath.Join(dir, filepath.Join(parts...))
			if os.MkdirAll(filepath.Dir(path), 0o755) != nil {
				continue // a file is in the way
			}
			switch r.IntN(4) {
			case 0:
				_ = os.Symlink(strings.Repeat("../", r.IntN(3))+pick(names), path)
			default:
				if _, err := os.Lstat(path); err != nil {
					must(t, os.WriteFile(path, []byte(strings.Repeat(pick(names), r.IntN(50))), []os.FileMode{0o644, 0o755}[r.IntN(2)]))
				}
			}
		}
		commit(t, dir)
		var specs []planner.SourceSpec
		for _, top := range tops {
			specs = append(specs, planner.SourceSpec{Context: top}, planner.SourceSpec{Context: top, Dockerfile: "Dockerfile", Extra: []schema.Source{
				{Path: pick(tops), To: "extra", Include: lines(3), Exclude: lines(3)}, {Path: "lib/Dockerfile", To: "lib"},
			}})
		}
		expectSame(t, dir, ".", specs...)
		if t.Failed() {
			return
		}
	}
}

// TestRevisionOutside: contexts outside of the workspace, in the repository
// and out of it.
func TestRevisionOutside(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"ws/app/f": "1", "shared/g": "1", "shared/.dockerignore": "x", "shared/x": "", "a": ""})
	write(t, elsewhere, map[string]string{"h": "1", "d/i": "2"})
	must(t, os.Symlink("../shared", filepath.Join(dir, "ws/escape")))
	must(t, os.Symlink(filepath.Join(dir, "ws/app"), filepath.Join(dir, "ws/absolute")))
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "ws/away")))
	commit(t, dir)
	for name, want := range map[string]string{"../shared": "outside the workspace", "escape": "outside the workspace", "away": "outside the workspace", "../..": "outside the workspace"} {
		_, err := at(t, filepath.Join(dir, "ws"), "HEAD").Set(t.Context(), planner.SourceSpec{Context: name})
		expectMistake(t, err, want)
	}
	expectSame(t, dir, "ws",
		planner.SourceSpec{Context: "../shared", AllowOutside: true}, planner.SourceSpec{Context: "escape", AllowOutside: true},
		planner.SourceSpec{Context: "..", AllowOutside: true}, planner.SourceSpec{Context: "absolute"}, planner.SourceSpec{Context: "../ws/app"},
		planner.SourceSpec{Context: "away", AllowOutside: true}, planner.SourceSpec{Context: "away/d", AllowOutside: true},
		planner.SourceSpec{Context: "app", AllowOutside: true, Extra: []schema.Source{{Path: "away/d", To: "x"}, {Path: "../a", To: "y"}}})
}

func TestRevisionMistakes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "x": "", "bad/.dockerignore": "[a", "odd/.dockerignore/f": ""})
	must(t, os.WriteFile(filepath.Join(dir, "app/bad\xffname"), nil, 0o644))
	must(t, os.Symlink("\xff", filepath.Join(dir, "bad/link")))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	commit(t, dir)
	leave(t, dir)
	r := at(t, dir, "HEAD~1")
	for name, want := range map[string]string{
		"nothing": "there is no directory nothing at HEAD~1", "x": "not a directory", "x/y": "not a directory", "app": `bad\xffname`, "bad": "bad/.dockerignore",
		"odd": "odd/.dockerignore is not a file", "loop": "too many levels",
	} {
		if _, err := r.Set(t.Context(), planner.SourceSpec{Context: name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

func TestRevisionDockerfile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/app/Dockerfile": "FROM one", "ws/shared": "FROM shared", "outside": "FROM outside"})
	must(t, os.Symlink("../shared", filepath.Join(dir, "ws/app/linked")))
	must(t, os.Symlink("../../outside", filepath.Join(dir, "ws/app/escape")))
	commit(t, dir)
	write(t, dir, map[string]string{"ws/app/Dockerfile": "FROM two"})
	r := at(t, filepath.Join(dir, "ws"), "HEAD")
	for name, want := range map[string]string{"Dockerfile": "FROM one", "linked": "FROM shared"} {
		if content, err := r.Dockerfile(t.Context(), "app", name); string(content) != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", name, content, err, want)
		}
	}
	_, err := r.Dockerfile(t.Context(), "app", "escape")
	expectMistake(t, err, "outside the workspace")
	if _, err := r.Dockerfile(t.Context(), "app", "none"); err == nil || !strings.Contains(err.Error(), "there is no Dockerfile app/none") {
		t.Errorf("error %v", err)
	}
}

// TestRevisionOrigin: an origin is what git show takes.
func TestRevisionOrigin(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"ws/app/f": "1"})
	commit(t, dir)
	r := at(t, filepath.Join(dir, "ws"), "HEAD")
	s, err := r.Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	id, err := r.Commit()
	must(t, err)
	if s.Files[0].Origin != id+":ws/app/f" {
		t.Errorf("origin %q", s.Files[0].Origin)
	}
	git(t, dir, "show", s.Files[0].Origin)
}

// TestRevisionConversions: files that git converts for the work tree, and that
// did not change, do not differ.
func TestRevisionConversions(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{".gitattributes": "*.bat text eol=crlf\n", "app/a.bat": "one\r\ntwo\r\n", "app/Dockerfile": "FROM x", "app/changed.bat": "1\r\n"})
	commit(t, dir)
	write(t, dir, map[string]string{"app/changed.bat": "2\r\n"})
	git(t, dir, "commit", "-qam", "two")
	now, then := read(t, open(t, dir), planner.SourceSpec{Context: "app"}), read(t, at(t, dir, "HEAD~1"), planner.SourceSpec{Context: "app"})
	for i := range now {
		if same := now[i] == then[i]; same == (now[i].Path == "changed.bat") {
			t.Errorf("%+v was %+v", now[i], then[i])
		}
	}
}

// TestRevisionModes: a change of mode or type alone, while the content stays,
// is seen.
func TestRevisionModes(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/x": "f", "app/l": "f", "app/f": "1"})
	commit(t, dir)
	must(t, os.Chmod(filepath.Join(dir, "app/x"), 0o755))
	must(t, os.Remove(filepath.Join(dir, "app/l")))
	must(t, os.Symlink("f", filepath.Join(dir, "app/l")))
	git(t, dir, "commit", "-qam", "two")
	expect(t, listed(set(t, dir, planner.SourceSpec{Context: "app"})), "f", "l link f", "x exec")
	s, err := at(t, dir, "HEAD~1").Set(t.Context(), planner.SourceSpec{Context: "app"})
	must(t, err)
	expect(t, listed(s), "f", "l", "x")
}

// TestRevisionIgnoresTheWorkTree: nothing that is not committed shows.
func TestRevisionIgnoresTheWorkTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "app/staged": "1", "app/assumed": "1", "app/removed": "1", "app/d/x": "1"})
	commit(t, dir)
	want := read(t, open(t, dir), planner.SourceSpec{Context: "app"})
	git(t, dir, "update-index", "--assume-unchanged", "app/assumed")
	write(t, dir, map[string]string{"app/f": "2", "app/staged": "2", "app/assumed": "2", "app/new": ""})
	git(t, dir, "add", "app/staged")
	must(t, os.Remove(filepath.Join(dir, "app/removed")))
	must(t, os.Rename(filepath.Join(dir, "app/d"), filepath.Join(dir, "moved")))
	must(t, os.Symlink("../moved", filepath.Join(dir, "app/d")))
	r := at(t, dir, "HEAD")
	if have := read(t, r, planner.SourceSpec{Context: "app"}); !reflect.DeepEqual(have, want) {
		t.Errorf("%+v, want\n%+v", have, want)
	}
}

// TestRevisionWhileTheWorkTreeChanges: files that go after git has looked are
// read from objects.
func TestRevisionWhileTheWorkTreeChanges(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"app/f": "1", "app/d/g": "1", "lib/f": "1"})
	commit(t, dir)
	want := read(t, open(t, dir), planner.SourceSpec{Context: "app"})
	r := at(t, dir, "HEAD")
	read(t, r, planner.SourceSpec{Context: "lib"})
	must(t, os.RemoveAll(filepath.Join(dir, "app/d")))
	must(t, os.Remove(filepath.Join(dir, "app/f")))
	must(t, os.Mkdir(filepath.Join(dir, "app/f"), 0o755))
	if have := read(t, r, planner.SourceSpec{Context: "app"}); !reflect.DeepEqual(have, want) {
		t.Errorf("%+v, want\n%+v", have, want)
	}
	if content, err := r.Dockerfile(t.Context(), "app", "f"); string(content) != "1" || err != nil {
		t.Errorf("content %q, %v", content, err)
	}
	f, err := r.FS().Open("app/f")
	must(t, err)
	if content, err := io.ReadAll(f); string(content) != "1" || err != nil {
		t.Errorf("content of the open file %q, %v", content, err)
	}
	must(t, f.Close())
}

// TestRevisionIsNeverDirty: not even with files of another repository.
func TestRevisionIsNeverDirty(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write(t, dir, map[string]string{"app/f": "1"})
	must(t, os.Symlink(other, filepath.Join(dir, "other")))
	commit(t, dir)
	git(t, other, "init", "-q")
	write(t, other, map[string]string{"new": "1"})
	if files := read(t, at(t, dir, "HEAD"), planner.SourceSpec{Context: "other", AllowOutside: true}); len(files) != 1 {
		t.Errorf("files %+v", files)
	}
}
