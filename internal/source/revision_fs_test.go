package source_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// workspaceFiles is a workspace with most that loading one looks at.
func workspaceFiles(t *testing.T, root string) {
	t.Helper()
	write(t, root, map[string]string{
		"stowage.hcl": "workspace {\n  name = \"w\"\n  registry = \"r.example/w\"\n}\n" +
			"package \"app\" {\n  context = \"app\"\n  args = {\n    C = git_commit()\n    D = git_describe()\n    T = git_tree(\"app\")\n" +
			"    F = file(\"linked.txt\")\n    S = join(\",\", fileset(\"app\", \"**\"))\n    H = filesha256(\"app/d/big\")\n  }\n}\n",
		"x.auto.stowage.hclvars": "", "text.txt": "text", "app/Dockerfile": "FROM scratch\n", "app/d/big": strings.Repeat("big", 100000), "app/d/e": "",
		"lib/stowage.hcl": "package \"lib\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n", "lib/ü \n": "x", "lib/a/x": "", "lib/a.b": "",
	})
	must(t, os.Chmod(filepath.Join(root, "app/d/e"), 0o755))
	for name, target := range map[string]string{
		"linked.txt": "text.txt", "dirlink": "app/d", "chain": "dirlink/../d/e", "dangling": "none", "escape": "../outside", "round": "../ws/text.txt",
		"absolute": filepath.Join(root, "text.txt"), "loop": "loop",
	} {
		must(t, os.Symlink(target, filepath.Join(root, name)))
	}
	write(t, filepath.Dir(root), map[string]string{"outside": "secret"})
}

// TestRevisionFS compares the file system with that of the work tree.
func TestRevisionFS(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "ws")
	workspaceFiles(t, root)
	commit(t, dir)
	onDisk, err := os.OpenRoot(root)
	must(t, err)
	defer onDisk.Close()
	disk := onDisk.FS()
	names := []string{"none", "text.txt/x", "dirlink/e", "dirlink/none", "escape/x", "app/../text.txt", "/text.txt", ""}
	must(t, fs.WalkDir(disk, ".", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	}))
	want := map[string]answers{}
	for _, name := range names {
		want[name] = questions(disk, name)
	}
	compare := func(what string, fsys fs.FS) {
		t.Helper()
		for _, name := range names {
			if have := questions(fsys, name); !reflect.DeepEqual(have, want[name]) {
				t.Errorf("%s, %q:\n  %+v, on disk\n  %+v", what, name, have, want[name])
			}
		}
	}
	compare("checked out", at(t, root, "HEAD").FS())
	leave(t, dir)
	must(t, os.MkdirAll(root, 0o755))
	gone := at(t, root, "HEAD~1").FS()
	compare("from objects", gone)
	if err := fstest.TestFS(gone, "stowage.hcl", "app/d/big", "linked.txt"); err != nil && !strings.Contains(err.Error(), "escape") {
		t.Error(err)
	}
}

// answers are what a file system says of a name.
type answers struct {
	mode, linkMode        fs.FileMode
	size                  int64
	content, read, target string
	list                  []string
	errs                  [6]string
}

func questions(fsys fs.FS, name string) answers {
	var a answers
	say := func(i int, err error) bool {
		if err != nil {
			a.errs[i] = "fails"
		}
		if errors.Is(err, fs.ErrNotExist) {
			a.errs[i] = "does not exist"
		}
		return err == nil
	}
	plain := func(info fs.FileInfo) fs.FileMode {
		if info.Mode().IsRegular() {
			return info.Mode() & 0o100
		}
		return info.Mode().Type()
	}
	if info, err := fs.Stat(fsys, name); say(0, err) {
		a.mode = plain(info)
		if info.Mode().IsRegular() {
			a.size = info.Size()
		}
	}
	if info, err := fs.Lstat(fsys, name); say(1, err) {
		a.linkMode = plain(info)
	}
	if content, err := fs.ReadFile(fsys, name); say(2, err) {
		a.content = string(content)
	}
	if target, err := fs.ReadLink(fsys, name); say(3, err) {
		a.target = target
	}
	if entries, err := fs.ReadDir(fsys, name); say(4, err) {
		for _, e := range entries {
			a.list = append(a.list, e.Name()+" "+e.Type().String())
		}
	}
	if f, err := fsys.Open(name); say(5, err) {
		content, _ := io.ReadAll(f)
		a.read = string(content)
		f.Close()
	}
	return a
}

// TestRevisionLoads: a workspace at a revision is the workspace that it was.
func TestRevisionLoads(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "ws")
	workspaceFiles(t, root)
	must(t, os.Remove(filepath.Join(root, "loop")))
	commit(t, dir)
	git(t, dir, "tag", "v1")
	onDisk, err := os.OpenRoot(root)
	must(t, err)
	defer onDisk.Close()
	tree := open(t, root)
	want := args(t, onDisk.FS(), schema.Options{Git: tree})
	leave(t, dir)
	must(t, os.MkdirAll(root, 0o755))
	r := at(t, root, "v1")
	if have := args(t, r.FS(), schema.Options{Git: r}); !reflect.DeepEqual(have, want) || len(have["app"]) != 6 {
		t.Errorf("args %q, want %q", have, want)
	}
	if _, diags := schema.Load(at(t, root, "HEAD").FS(), schema.Options{}); !diags.HasErrors() || !strings.Contains(diags.Error(), "No workspace here") {
		t.Errorf("without a workspace: %v", diags)
	}
}

// args are the arguments of a workspace's packages.
func args(t *testing.T, fsys fs.FS, opts schema.Options) map[string]map[string]string {
	t.Helper()
	ws, diags := schema.Load(fsys, opts)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	out := map[string]map[string]string{}
	for _, d := range ws.Packages {
		p, diags := ws.Evaluate(d, nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		out[d.Name] = map[string]string{}
		for k, v := range p.Args {
			out[d.Name][k] = v
		}
	}
	return out
}

// TestRevisionFSSubmodules: one that is not checked out looks as it does in
// the work tree, but one that is gone from there is not passed over.
func TestRevisionFSSubmodules(t *testing.T) {
	dir := withSubmodule(t)
	list := func() ([]fs.DirEntry, error) { return fs.ReadDir(at(t, dir, "HEAD").FS(), "app/sub") }
	if entries, err := list(); len(entries) != 3 || err != nil {
		t.Errorf("checked out: %v, %v", entries, err)
	}
	git(t, dir, "submodule", "--quiet", "deinit", "-f", "app/sub")
	if entries, err := list(); len(entries) != 0 || err != nil {
		t.Errorf("not checked out: %v, %v", entries, err)
	}
	must(t, os.Remove(filepath.Join(dir, "app/sub")))
	if entries, err := list(); err == nil || !strings.Contains(err.Error(), "git submodule update") {
		t.Errorf("gone: %v, %v", entries, err)
	}
	if _, err := at(t, dir, "HEAD").Set(t.Context(), planner.SourceSpec{Context: "."}); err == nil {
		t.Error("a set without the submodule")
	}
}
