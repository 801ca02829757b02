package schema

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
)

// HasWorkspace reports whether a configuration file of that name has a
// workspace block, and so is a workspace's root. Of a file that cannot be
// parsed the answer is whether it looks like one.
func HasWorkspace(content []byte, name string) bool {
	if !bytes.Contains(content, []byte("workspace")) {
		return false
	}
	f, diags := parseSource(name, content)
	if diags.HasErrors() || f == nil {
		return true
	}
	found, _, _ := f.Body.PartialContent(&hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "workspace"}}})
	return found != nil && len(found.Blocks) > 0
}
