package schema_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stowage-build/stowage/schema"
)

func member(name string) string {
	return "package \"" + name + "\" {\n  dockerfile_inline = \"FROM scratch\"\n}\n"
}

func names(ws *schema.Workspace) []string {
	var out []string
	for _, d := range ws.Packages {
		out = append(out, d.Name)
	}
	return out
}

func TestMembers(t *testing.T) {
	files := map[string]string{
		"pkg/a/stowage.hcl": member("a"), "pkg/b/stowage.hcl.json": `{"package": {"b": {"dockerfile_inline": "FROM scratch"}}}`,
		"tools/stowage.hcl": member("t"), "tools/x/y/stowage.hcl": member("y"), "other/stowage.hcl": member("o"), ".ci/stowage.hcl": member("ci"),
		".git/stowage.hcl": member("git"), "pkg/a/node_modules/m/stowage.hcl": member("m"),
	}
	tests := []struct {
		members string
		want    []string
	}{
		{"", []string{"a", "b", "ci", "o", "t", "y"}},
		{`["pkg/*"]`, []string{"a", "b"}},
		{`["tools/**"]`, []string{"t", "y"}},
		{`["./tools", "pkg/b/"]`, []string{"b", "t"}},
		{`["{other,tools/x}/**"]`, []string{"o", "y"}},
		{`["."]`, nil},
		{`[]`, nil},
	}
	for _, test := range tests {
		root := "workspace {\n  name = \"x\"\n}\n"
		if test.members != "" {
			root = "workspace {\n  name = \"x\"\n  members = " + test.members + "\n}\n"
		}
		fsys := fstest.MapFS{"stowage.hcl": {Data: []byte(root)}}
		for name, text := range files {
			fsys[name] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := names(load(t, fsys, schema.Options{})); !slices.Equal(got, test.want) {
			t.Errorf("members = %s: %q, want %q", test.members, got, test.want)
		}
	}
}

// TestSymlinks: links to directories are not followed, so that a loop of them
// is harmless, and files cannot be read through a link out of the root.
// vanishing is a file system in which a directory is listed and gone.
type vanishing struct{ fstest.MapFS }

func (v vanishing) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == "store/tmp" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return v.MapFS.ReadDir(name)
}

func (v vanishing) Open(name string) (fs.File, error) {
	if name == "store/tmp" {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return v.MapFS.Open(name)
}

// TestVanishingDirectory: what is removed while the workspace is read, by a
// builder whose state is below it for example, is no mistake.
func TestVanishingDirectory(t *testing.T) {
	fsys := vanishing{fstest.MapFS{
		"stowage.hcl":       {Data: []byte("workspace {\n  name = \"x\"\n}\n")},
		"a/stowage.hcl":     {Data: []byte(member("a"))},
		"store/tmp/x/y.txt": {Data: []byte("y")},
	}}
	ws, diags := schema.Load(fsys, schema.Options{})
	if diags.HasErrors() || !slices.Equal(names(ws), []string{"a"}) {
		t.Errorf("diagnostics are %v", diags)
	}
}

func TestSymlinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "secret.txt", "secret")
	write(t, dir, "root/stowage.hcl", "workspace {\n  name = \"x\"\n}\n")
	write(t, dir, "root/a/stowage.hcl", "package \"a\" {\n  dockerfile_inline = file(\"link.txt\")\n}\n")
	for link, target := range map[string]string{"root/a/loop": "..", "root/a/link.txt": "../../secret.txt"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	_, diags := schema.Load(root.FS(), schema.Options{})
	if len(diags) != 1 || !strings.Contains(diags[0].Detail, "escapes") {
		t.Errorf("got %v", diags)
	}
}

func TestConfigFiles(t *testing.T) {
	fsys := tree("", "b/stowage.hcl", "", "a/stowage.hcl.json", "{}", "x.auto.stowage.hclvars", "", "c/stowage.lock.hcl", "", "y.stowage.hclvars", "")
	got, _, diags := schema.ConfigFiles(fsys)
	fail(t, diags)
	want := []string{"stowage.hcl", "a/stowage.hcl.json", "b/stowage.hcl", "x.auto.stowage.hclvars", "y.stowage.hclvars"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, want := range map[string]bool{
		"stowage.hcl": true, "stowage.hcl.json": true, "stowage.lock.hcl": true, "a.stowage.hclvars": true, "a.auto.stowage.hclvars": true,
		"other.hcl": false, "mystowage.hcl": false, "Dockerfile": false,
	} {
		if got := schema.IsConfigFile(name); got != want {
			t.Errorf("IsConfigFile(%q) is %v", name, got)
		}
	}
}

func TestRequiredVersion(t *testing.T) {
	tests := []struct {
		want, have string
		ok         bool
	}{
		{">= 1.0", "1.0.0", true},
		{">= 1.0", "v1.4.2", true},
		{">= 1.0, < 2", "2.0.0", false},
		{"~> 1.2", "1.1.9", false},
		{">= 1.0", "0.9.0", false},
		{">= 1.0", "1.0.0-rc.1", true},
		{">= 1.0", "dev", true},
		{">= 1.0", "", true},
	}
	for _, test := range tests {
		fsys := fstest.MapFS{"stowage.hcl": {Data: []byte("workspace {\n  name = \"x\"\n  required_version = \"" + test.want + "\"\n}\n")}}
		_, diags := schema.Load(fsys, schema.Options{Version: test.have})
		if diags.HasErrors() == test.ok {
			t.Errorf("%s with %s: %v", test.want, test.have, diags)
		}
	}
	_, diags := schema.Load(fstest.MapFS{"stowage.hcl": {Data: []byte("workspace {\n  name = \"x\"\n  required_version = \"new\"\n}\n")}}, schema.Options{})
	if got := summaries(diags); !slices.Equal(got, []string{"Bad version constraint"}) {
		t.Errorf("got %q", got)
	}
}

func TestFormat(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"stowage.hcl", "a=1\nbbb  =  [ 1,2 ]\n", "a   = 1\nbbb = [1, 2]\n"},
		{"stowage.hcl.json", `{"a":[1,"<"],"b":{}}`, "{\n  \"a\": [\n    1,\n    \"<\"\n  ],\n  \"b\": {}\n}\n"},
		{"x.stowage.hclvars", "a=1", "a = 1"},
	}
	for _, test := range tests {
		got, diags := schema.Format([]byte(test.src), test.name)
		fail(t, diags)
		if string(got) != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
		again, _ := schema.Format(got, test.name)
		if string(again) != string(got) {
			t.Errorf("%s: formatting twice changes it", test.name)
		}
	}
	for _, name := range []string{"stowage.hcl", "stowage.hcl.json"} {
		if got, diags := schema.Format([]byte("a = {"), name); !diags.HasErrors() || string(got) != "a = {" {
			t.Errorf("%s: a syntax error gives %q, %v", name, got, diags)
		}
	}
}
