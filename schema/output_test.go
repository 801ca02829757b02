package schema_test

import (
	"slices"
	"testing"

	"github.com/stowage-build/stowage/schema"
)

// TestOutputs: where something is written that is made of the sources, whatever
// the command line says instead this time.
func TestOutputs(t *testing.T) {
	fsys := tree(`
package "app" {
  dockerfile_inline = "FROM scratch"
  context           = "sub"
  platforms         = ["linux/amd64", "linux/arm/v7"]
  cache_to          = ["type=local,dest=cache", "type=inline"]
  output "docker" {
    dest = "${self.name}.tar.gz"
  }
  output "tar" {
    dest = "/tmp/../abs.tar"
  }
}
package "plain" {
  context = "sub"
}
`, "sub/Dockerfile", "FROM scratch")
	configured := []string{"/abs.tar", "app.tar-amd64.gz", "app.tar-arm-v7.gz", "cache"}
	if got := load(t, fsys, schema.Options{}).Outputs(); !slices.Equal(got, configured) {
		t.Errorf("outputs are %q, want %q", got, configured)
	}
	got := load(t, fsys, schema.Options{Set: []string{"app.output=dist", "app.cache_to=type=inline"}}).Outputs()
	if want := append(slices.Clone(configured), "dist"); !slices.Equal(got, want) {
		t.Errorf("with --set outputs are %q, want %q", got, want)
	}
}
