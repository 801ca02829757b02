package source

import (
	"maps"
	"os"

	"github.com/hashicorp/hcl/v2"
)

// Excerpts adds to the files of a configuration the Dockerfiles that
// diagnostics point into. One that cannot be read is left out.
func (t *Tree) Excerpts(files map[string]*hcl.File, diags hcl.Diagnostics) map[string]*hcl.File {
	out := maps.Clone(files)
	for _, d := range diags {
		if d.Subject == nil || out[d.Subject.Filename] != nil {
			continue
		}
		if content, err := os.ReadFile(t.at(d.Subject.Filename)); err == nil {
			out[d.Subject.Filename] = &hcl.File{Bytes: content}
		}
	}
	return out
}
