package schema_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

var update = flag.Bool("update", false, "write the golden files")

// marker is how a fixture says what is wrong with a line.
var marker = regexp.MustCompile(`# (ERROR|WARNING): ([^#\n]*)`)

// TestInvalid loads every directory in testdata/invalid. What is wrong is
// written in the fixtures, on the offending line; for files without comments
// in errors.txt. Nothing else may be reported. The whole text of all messages
// is kept in testdata/invalid.golden.
func TestInvalid(t *testing.T) {
	dirs, err := filepath.Glob("testdata/invalid/*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	var golden bytes.Buffer
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ws, files, diags := schema.LoadFiles(os.DirFS(dir), schema.Options{Version: "1.2.3"})
			if ws != nil {
				t.Error("Load returned a workspace and errors")
			}
			var got []string
			for _, d := range diags {
				got = append(got, describe(t, d))
			}
			want := expected(t, dir)
			if missing := without(want, got); len(missing) > 0 {
				t.Errorf("not reported:\n%s", strings.Join(missing, "\n"))
			}
			if extra := without(got, want); len(extra) > 0 {
				t.Errorf("not expected:\n%s", strings.Join(extra, "\n"))
			}
			fmt.Fprintf(&golden, "# %s\n\n", filepath.Base(dir))
			w := hcl.NewDiagnosticTextWriter(&golden, files, 0, false)
			if err := w.WriteDiagnostics(diags); err != nil {
				t.Error(err)
			}
		})
	}
	compareGolden(t, "testdata/invalid.golden", golden.Bytes())
	if bytes.Contains(golden.Bytes(), []byte("It is hunter2")) {
		t.Error("a sensitive value is in a message")
	}
}

func describe(t *testing.T, d *hcl.Diagnostic) string {
	t.Helper()
	if d.Subject == nil {
		t.Fatalf("%s: %s has no place", d.Summary, d.Detail)
	}
	if d.Detail == "" {
		t.Errorf("%s: %s has no detail", d.Subject, d.Summary)
	}
	severity := "ERROR"
	if d.Severity == hcl.DiagWarning {
		severity = "WARNING"
	}
	return fmt.Sprintf("%s:%d: %s: %s", d.Subject.Filename, d.Subject.Start.Line, severity, d.Summary)
}

// expected reads what a fixture's files say of themselves.
func expected(t *testing.T, dir string) []string {
	t.Helper()
	var want []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(src), "\n") {
			if name == "errors.txt" && line != "" {
				place, summary, _ := strings.Cut(line, ": ")
				want = append(want, place+": ERROR: "+summary)
			}
			for _, m := range marker.FindAllStringSubmatch(line, -1) {
				want = append(want, fmt.Sprintf("%s:%d: %s: %s", name, i+1, m[1], strings.TrimSpace(m[2])))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

// without returns what is in a and not in b, counting repetitions.
func without(a, b []string) []string {
	count := map[string]int{}
	for _, s := range b {
		count[s]++
	}
	var out []string
	for _, s := range a {
		if count[s]--; count[s] < 0 {
			out = append(out, s)
		}
	}
	return out
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update writes it):\n%s", name, firstDifference(string(want), string(got)))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d:\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

// view is a package without the places of its parts.
type view struct {
	Name, Repository, Dir string
	References            []string
	Tag                   string
	Package               schema.Package
}

// TestValid evaluates every workspace in testdata/valid, in dependency order,
// and compares all of it with a golden file.
func TestValid(t *testing.T) {
	dirs, err := filepath.Glob("testdata/valid/*/stowage.hcl*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, root := range dirs {
		dir := filepath.Dir(root)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ws, diags := schema.Load(os.DirFS(dir), schema.Options{Version: "1.2.3"})
			for _, d := range diags {
				t.Error(d)
			}
			if ws == nil {
				t.Fatal("no workspace")
			}
			compareGolden(t, dir+"/golden.json", marshal(t, ws))
		})
	}
}

// evaluateAll completes all packages in the order of their references.
func evaluateAll(t *testing.T, ws *schema.Workspace) (map[string]*schema.Package, map[string]schema.Identity) {
	t.Helper()
	packages, ids := map[string]*schema.Package{}, map[string]schema.Identity{}
	identity := func(name string) (schema.Identity, bool) {
		id, ok := ids[name]
		return id, ok
	}
	var complete func(d *schema.Declaration)
	complete = func(d *schema.Declaration) {
		if packages[d.Name] != nil {
			return
		}
		for _, r := range d.References {
			dependency, ok := ws.Declaration(r.Package)
			if !ok {
				t.Fatalf("%s refers to %s, which is not there", d.Name, r.Package)
			}
			complete(dependency)
		}
		p, diags := ws.Evaluate(d, identity)
		fail(t, diags)
		hash := fmt.Sprintf("%040x", len(ids)+1)
		tag, diags := ws.Tag(p, hash, identity)
		fail(t, diags)
		packages[d.Name] = p
		ids[d.Name] = schema.Identity{Tag: tag, Hash: hash, Platforms: p.Platforms}
	}
	for _, d := range ws.Packages {
		complete(d)
	}
	return packages, ids
}

func fail(t *testing.T, diags hcl.Diagnostics) {
	t.Helper()
	for _, d := range diags {
		t.Fatal(d)
	}
}

func marshal(t *testing.T, ws *schema.Workspace) []byte {
	t.Helper()
	packages, ids := evaluateAll(t, ws)
	var views []view
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		p := *packages[name]
		d := p.Declaration
		v := view{Name: name, Repository: d.Repository, Dir: d.Dir, Tag: ids[name].Tag, Package: p}
		for _, r := range d.References {
			v.References = append(v.References, fmt.Sprintf("%s: %s at %s", r.Attribute, r.Package, r.Range))
		}
		v.Package.Declaration = nil
		views = append(views, v)
	}
	return encode(t, map[string]any{
		"workspace": map[string]any{"name": ws.Name, "registry": ws.Registry, "platforms": ws.Platforms},
		"packages":  views, "groups": ws.Groups, "builders": ws.Builders, "registries": ws.Registries, "variables": ws.Variables,
	})
}
