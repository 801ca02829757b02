package importer

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"
)

func bakeFrom(files ...string) func(Options) (*Result, error) {
	return func(o Options) (*Result, error) { return Bake(context.Background(), o, files) }
}

// imported compares a result with what the fixture wants: its file, its notes,
// and the packages that it has.
func (f *fixture) imported(want string, do func(Options) (*Result, error)) {
	f.t.Helper()
	r := f.write(do)
	var notes, list strings.Builder
	for _, n := range r.Notes {
		notes.WriteString(n.String() + "\n")
	}
	f.want(want+"notes", notes.String())
	if len(r.Files) != 1 {
		f.t.Errorf("%d files are written", len(r.Files))
	}
	f.want(want+"stowage.hcl", string(r.Files[0].Content))
	for _, p := range f.resolved().Packages {
		list.WriteString(p.Name + " " + p.Declaration.Repository)
		for _, e := range p.Edges {
			list.WriteString(" " + e.To)
		}
		list.WriteString("\n")
	}
	f.want(want+"list", list.String())
}

// TestBake imports a bake file in HCL.
func TestBake(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("", bakeFrom("docker-bake.hcl"))
}

// TestBakeLost imports targets that cannot be packages.
func TestBakeLost(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("lost/", bakeFrom("lost.hcl"))
}

// TestBakeMatrix imports matrices whose images are computed.
func TestBakeMatrix(t *testing.T) {
	newFixture(t, "bake_matrix.txtar", nil).imported("", bakeFrom("docker-bake.hcl"))
}

// TestBakeJSON imports a bake file in JSON.
func TestBakeJSON(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("json/", bakeFrom("docker-bake.json"))
}

// TestCompose imports a Compose file, and a bake file that changes it.
func TestCompose(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("compose/", bakeFrom("compose.yaml", "override.hcl"))
}

// TestBakeMistakes: what leads to itself, or cannot be read, is said.
func TestBakeMistakes(t *testing.T) {
	for content, want := range map[string]string{
		"target \"a\" {\n":                                        "a.hcl",
		"variable \"A\" {}\n":                                     "there is no target",
		"a = b\nb = a\ntarget \"x\" { inherits = [a] }":           "a.hcl:3: not carried over: inherits of x",
		"target \"x\" { inherits = [\"x\"] }":                     "there is no target to import",
		"target \"x\" { args = { A = target.x.args.A } }":         "target.x.args: there is none",
		"target \"x\" {\n  name = \"y\"\n  matrix = { a = A }\n}": "the matrix of x cannot be evaluated",
		"target \"x\" { matrix = { a = [] } }":                    "it has no name",
		"group \"g\" { targets = [A] }\ntarget \"x\" {}":          "names are not known here",
		"thing \"x\" {}\ntarget \"x\" {}":                         "thing x: bake knows no such block",
		"function \"f\" {}\ntarget \"x\" {}":                      "function f: it has no result",
		"target \"x\" { dockerfile-inline = " + strings.Repeat("(", 1000) + strings.Repeat(")", 1000) + " }": "a.hcl",
	} {
		notes, err := readBake(map[string]string{"a.hcl": content})
		if err != nil {
			notes = append(notes, Note{Text: err.Error()})
		}
		var all strings.Builder
		for _, n := range notes {
			all.WriteString(n.String() + "\n")
		}
		if !strings.Contains(all.String(), want) {
			t.Errorf("of %.100s it is said\n%s", content, all.String())
		}
	}
	if _, err := readBake(map[string]string{"deep.json": strings.Repeat("[", 1000)}); err == nil || !strings.Contains(err.Error(), "nests more than") {
		t.Errorf("of a deep document it is said %v", err)
	}
	for name, content := range map[string]string{
		"deep.json": strings.Repeat("[", 1000), "list.json": "[]", "two.json": "{} {}", "bad.yaml": "a: b: c",
		"itself.yaml": "services: &s\n  x: {build: {<<: *s}}\n",
	} {
		if _, err := readBake(map[string]string{name: content}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("of %s it is said %v", name, err)
		}
	}
}

// readBake reads and writes without checking the result.
func readBake(files map[string]string) ([]Note, error) {
	tree := fstest.MapFS{}
	var names []string
	for name, content := range files {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
		names = append(names, name)
	}
	b := newBake(Options{Root: tree, Name: "x"})
	for _, name := range names {
		if err := b.readFile(name); err != nil {
			return nil, err
		}
	}
	b.prepare()
	if len(b.built()) == 0 {
		_, err := Bake(context.Background(), Options{Root: tree, Name: "x"}, names)
		return nil, err
	}
	b.write()
	_, err := b.render()
	return b.notes.sorted(), err
}

// FuzzBake: no input panics.
func FuzzBake(f *testing.F) {
	kinds := []string{"x.hcl", "x.json", "x.yaml"}
	archive, err := txtar.ParseFile("testdata/bake.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		for kind := range kinds {
			if !strings.HasPrefix(file.Name, "want/") {
				f.Add(uint(kind), string(file.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, kind uint, content string) {
		_, _ = readBake(map[string]string{kinds[kind%3]: content})
	})
}
