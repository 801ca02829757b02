package schema_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-build/stowage/schema"
)

// BenchmarkLoad reads 1,000 packages in as many files, each with arguments
// that mention two others, and evaluates all of them.
func BenchmarkLoad(b *testing.B) {
	const packages = 1000
	dir := b.TempDir()
	write(b, dir, "stowage.hcl", "workspace {\n  name     = \"bench\"\n  registry = \"ghcr.io/acme\"\n}\n\nvariable \"version\" {\n  default = \"1\"\n}\n\nlocals {\n  go = \"1.26\"\n}\n")
	for i := range packages {
		d := fmt.Sprintf("pkg/p%04d", i)
		refs := ""
		for _, j := range []int{i / 2, i / 3} {
			if j < i {
				refs += fmt.Sprintf("    BASE%d = package.p%04d.ref\n", j, j)
			}
		}
		write(b, dir, d+"/Dockerfile", "FROM scratch\n")
		write(b, dir, d+"/stowage.hcl", fmt.Sprintf(`package "p%04d" {
  image     = "team/${self.name}"
  platforms = ["linux/amd64", "linux/arm64"]
  target    = "release"
  args = {
    VERSION = var.version
    GO      = "go${local.go}"
%s  }
  labels     = { name = upper(self.name) }
  extra_tags = ["latest"]
  timeout    = "30m"
}
`, i, refs))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer root.Close()
	identity := func(string) (schema.Identity, bool) {
		return schema.Identity{Tag: "t", Hash: "h", Platforms: []string{"linux/amd64"}}, true
	}
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, diags := schema.Load(root.FS(), schema.Options{}); diags.HasErrors() {
				b.Fatal(diags)
			}
		}
	})
	ws, _ := schema.Load(root.FS(), schema.Options{})
	b.Run("evaluate", func(b *testing.B) {
		for b.Loop() {
			for _, d := range ws.Packages {
				if _, diags := ws.Evaluate(d, identity); diags.HasErrors() {
					b.Fatal(diags)
				}
			}
		}
	})
}

func write(t testing.TB, dir, name, content string) {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
