package planner_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/stowage-build/stowage/planner"
)

// What goes by one name in two places is two inputs.
func TestHashTellsPlacesApart(t *testing.T) {
	for name, pair := range map[string][2]string{
		"label, annotation":         {`labels = { x = "1" }`, `annotations = { x = "1" }`},
		"arguments of platforms":    {"platform \"linux/amd64\" {\n args = { A = \"1\" }\n}", "platform \"linux/arm64\" {\n args = { A = \"1\" }\n}"},
		"argument, of one platform": {`args = { A = "1" }`, "platform \"linux/arm64\" {\n args = { A = \"1\" }\n}"},
		"secret, ssh":               {"secret \"x\" {\n env = \"X\"\n}", `ssh = ["x"]`},
		"target, revision":          {`target = "x"`, `revision = "x"`},
		"context of no files, none": {`contexts = { x = "empty" }`, ``},
		"contexts of one file":      {`contexts = { x = "one" }`, `contexts = { x = "other" }`},
	} {
		t.Run(name, func(t *testing.T) {
			var hashes [2]string
			for i, attributes := range pair {
				files := inline(map[string]string{"app": attributes}).with(tree{"one/a": "", "other/b": ""})
				s := newSetup(t, files)
				s.files["empty"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
				hashes[i] = s.only("app").Hash
			}
			if hashes[0] == hashes[1] {
				t.Error("they have one hash")
			}
		})
	}
}

// only resolves with a context that holds nothing, whatever the tree holds.
func (s *setup) only(name string) *planner.Package {
	opts := s.options()
	opts.Sources = contextless{s.sources}
	r, diags, err := planner.Resolve(s.tb.Context(), s.load(), opts)
	if err != nil || diags.HasErrors() {
		s.tb.Fatal(err, list(diags))
	}
	return r.Package(name)
}

// contextless are sources whose root directory is an empty context.
type contextless struct{ planner.Sources }

func (c contextless) Set(ctx context.Context, spec planner.SourceSpec) (*planner.SourceSet, error) {
	if spec.Context == "." {
		return &planner.SourceSet{}, nil
	}
	return c.Sources.Set(ctx, spec)
}

// The registry is no input, as long as nothing mentions it: an argument that
// is made of a reference does.
func TestHashAndRegistry(t *testing.T) {
	files := tree{
		"stowage.hcl": header + `
package "base" {
  dockerfile_inline = "FROM scratch"
}
package "plain" {
  dockerfile_inline = "FROM base"
  contexts          = { base = package.base }
}
package "carrier" {
  dockerfile_inline = "FROM base"
  args              = { BASE = package.base.ref }
}
`}
	moved := files.replace(t, "stowage.hcl", "registry.test/acme", "elsewhere.test/acme")
	here, there := resolve(t, files), resolve(t, moved)
	if here.Package("plain").Hash != there.Package("plain").Hash {
		t.Error("the hash of plain changed with the registry")
	}
	if here.Package("carrier").Hash == there.Package("carrier").Hash {
		t.Error("the hash of carrier did not change with its argument")
	}
}

// The place of the checkout is no input.
func TestHashIgnoresOrigin(t *testing.T) {
	a := hashOf(t, subject(), func(s *setup) {})
	s := newSetup(t, subject())
	s.files["app/current"] = &fstest.MapFile{Data: []byte("main.go"), Mode: fs.ModeSymlink | 0o777}
	opts := s.options()
	opts.Sources = elsewhere{s.sources}
	r, _, err := planner.Resolve(t.Context(), s.load(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if b := r.Package("app").Hash; a != b {
		t.Errorf("the hash changed from %s to %s", a, b)
	}
}

// The hash of one workspace that uses every kind of input. When this fails,
// tags of unchanged packages change, and everybody rebuilds everything. If
// that is meant, give hashVersion the next number and write the new hash here.
func TestHashIsTheOneOfThisVersion(t *testing.T) {
	const want = "a3ca35e6b628993e3320a6e4438687ec0dc2a32f2115a6247d9cda66c3211144"
	if got := hashOf(t, subject(), nil); got != want {
		t.Errorf("the hash is %s, not %s", got, want)
	}
}

// Two packages that change places make another image, although all files,
// names and hashes are the same.
func TestHashTellsWhichPackageANameMeans(t *testing.T) {
	workspace := func(x, y, base, tool string) tree {
		return tree{
			"stowage.hcl": header + `
package "x" {
  image   = "` + x + `"
  context = "x"
}

package "y" {
  image   = "` + y + `"
  context = "y"
}

package "app" {
  context    = "app"
  contexts   = { base = package.` + base + `, tool = package.` + tool + `, more = package.x }
  depends_on = [package.x, package.y]
}
`,
			"x/Dockerfile":   "FROM scratch\nCOPY . /x\n",
			"y/Dockerfile":   "FROM scratch\nCOPY . /y\n",
			"app/Dockerfile": "FROM base\nCOPY --from=tool / /t\nCOPY --from=registry.test/acme/p / /p\nCOPY --from=registry.test/acme/q / /q\n",
		}
	}
	hashes := map[string]string{}
	for name, files := range map[string]tree{
		"as it was":              workspace("p", "q", "x", "y"),
		"contexts exchanged":     workspace("p", "q", "y", "x"),
		"a context made another": workspace("p", "q", "y", "y"),
		"images exchanged":       workspace("q", "p", "x", "y"),
	} {
		hash := hashOf(t, files, nil)
		if same, known := hashes[hash]; known {
			t.Errorf("%s and %s have one hash", name, same)
		}
		hashes[hash] = name
	}
}

// The order in which ssh agents are written is no input.
func TestHashIgnoresTheOrderOfAgents(t *testing.T) {
	a := hashOf(t, edit(`ssh          = ["default"]`, `ssh = ["x", "y=/run/agent"]`)(t, subject()), nil)
	b := hashOf(t, edit(`ssh          = ["default"]`, `ssh = ["y", "x"]`)(t, subject()), nil)
	if a != b {
		t.Errorf("the hash changed from %s to %s", a, b)
	}
}
