package monorepo_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsimple"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

var small = monorepo.Shape{Packages: 20, Layers: 4, MinDeps: 1, MaxDeps: 3, Files: 3}

// TestSameShapeSameFiles compares whole trees by the commits they give.
func TestSameShapeSameFiles(t *testing.T) {
	first, second := head(t, small), head(t, small)
	if first != second {
		t.Errorf("the same shape gave the commits %s and %s", first, second)
	}
	other := small
	other.MaxDeps++
	if head(t, other) == first {
		t.Error("another shape gave the same commit")
	}
}

func head(t *testing.T, s monorepo.Shape) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, s)
	return git(t, dir, "rev-parse", "HEAD")
}

func write(t *testing.T, dir string, s monorepo.Shape) []monorepo.Package {
	t.Helper()
	packages, err := monorepo.Write(t.Context(), dir, s)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, monorepo.Environ()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestGraph(t *testing.T) {
	for _, s := range []monorepo.Shape{
		small,
		monorepo.Usual(100),
		{Packages: 7, Layers: 3, MinDeps: 2, MaxDeps: 2, Files: 1},
		{Packages: 240, Layers: 24, MinDeps: 10, MaxDeps: 10, Files: 1},
		{Packages: 2, Layers: 5, MinDeps: 1, MaxDeps: 1, Files: 1},
	} {
		packages := s.Graph()
		if len(packages) != s.Packages {
			t.Fatalf("%+v: %d packages", s, len(packages))
		}
		depth := make([]int, len(packages))
		for i, p := range packages {
			depth[i] = 1
			for _, n := range p.Needs {
				if n >= i {
					t.Fatalf("%+v: %s needs one after it", s, p.Name)
				}
				depth[i] = max(depth[i], depth[n]+1)
			}
			if len(p.Needs) > s.MaxDeps {
				t.Errorf("%+v: %s needs %d packages", s, p.Name, len(p.Needs))
			}
			if unique := slices.Compact(slices.Sorted(slices.Values(p.Needs))); len(unique) != len(p.Needs) {
				t.Errorf("%+v: %s needs one package twice: %v", s, p.Name, p.Needs)
			}
		}
		if s.Packages >= s.Layers && slices.Max(depth) != s.Layers {
			t.Errorf("%+v: the depth is %d", s, slices.Max(depth))
		}
	}
}

func TestEveryLevelNeedsAllOfThePrevious(t *testing.T) {
	packages := monorepo.Shape{Packages: 240, Layers: 24, MinDeps: 10, MaxDeps: 10, Files: 1}.Graph()
	if got, want := monorepo.Edges(packages), 23*10*10; got != want {
		t.Errorf("%d edges, want %d", got, want)
	}
}

// TestStowageFindsTheGraph resolves a generated workspace: it is clean, its
// packages have the files asked for, and the edges are those of the graph.
func TestStowageFindsTheGraph(t *testing.T) {
	dir := t.TempDir()
	packages := write(t, dir, small)
	if dirty := git(t, dir, "status", "--porcelain"); dirty != "" {
		t.Errorf("git status says\n%s", dirty)
	}
	ws, err := stowage.Open(t.Context(), dir, stowage.Options{StoreDir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	resolved, err := ws.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages {
		got := resolved.Package(p.Name)
		if got == nil {
			t.Fatalf("no package %s", p.Name)
		}
		want := []string{}
		for _, n := range p.Needs {
			want = append(want, packages[n].Name)
		}
		slices.Sort(want)
		if deps := got.Info().Dependencies; !reflect.DeepEqual(deps, want) {
			t.Errorf("%s depends on %v, want %v", p.Name, deps, want)
		}
		if len(got.Sources.Files) != small.Files || len(got.Platforms) != 2 || got.Dirty {
			t.Errorf("%s has %d files, the platforms %v, dirty %t", p.Name, len(got.Sources.Files), got.Platforms, got.Dirty)
		}
	}
}

// TestBakeHasTheGraph reads the targets' contexts back.
func TestBakeHasTheGraph(t *testing.T) {
	dir := t.TempDir()
	packages := write(t, dir, small)
	var file struct {
		Group []struct {
			Name    string   `hcl:"name,label"`
			Targets []string `hcl:"targets"`
		} `hcl:"group,block"`
		Target []struct {
			Name     string            `hcl:"name,label"`
			Contexts map[string]string `hcl:"contexts"`
			Rest     hcl.Body          `hcl:",remain"`
		} `hcl:"target,block"`
	}
	if err := hclsimple.DecodeFile(filepath.Join(dir, "docker-bake.hcl"), nil, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Group) != 1 || len(file.Group[0].Targets) != len(packages) || len(file.Target) != len(packages) {
		t.Fatalf("%d targets for %d packages", len(file.Target), len(packages))
	}
	for i, target := range file.Target {
		want := map[string]string{}
		for _, n := range packages[i].Needs {
			want["registry.example.com/bench/"+packages[n].Name] = "target:" + packages[n].Name
		}
		if target.Name != packages[i].Name || !maps.Equal(target.Contexts, want) {
			t.Errorf("%s has the contexts %v, want %v", target.Name, target.Contexts, want)
		}
	}
}

func TestRootHasFewDependents(t *testing.T) {
	// c and d are made from b, d from c as well: a and b are roots, and only e
	// is made from a.
	packages := []monorepo.Package{{Name: "a"}, {Name: "b"}, {Name: "c", Needs: []int{1}}, {Name: "d", Needs: []int{1, 2}}, {Name: "e", Needs: []int{0}}}
	if root, n := monorepo.Root(packages); root != 0 || n != 1 {
		t.Errorf("got %d with %d dependents, want 0 with 1", root, n)
	}
	if root, n := monorepo.Root(packages[1:2]); root != 0 || n != 0 {
		t.Errorf("of one package: %d, %d", root, n)
	}
}

func TestChangeIsUndone(t *testing.T) {
	dir := t.TempDir()
	packages, err := monorepo.Write(t.Context(), dir, monorepo.Usual(8))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "pkg", packages[3].Name, "src", "file00.txt")
	read := func() string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := read()
	restore, err := monorepo.Change(dir, packages[3], "again")
	if err != nil {
		t.Fatal(err)
	}
	if got := read(); got != before+"again\n" {
		t.Error("the line is not there")
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if read() != before {
		t.Error("the file is not what it was")
	}
}
