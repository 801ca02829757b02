package schema

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// Format returns src in canonical layout: HCL's for native syntax, two spaces
// of indentation for a filename that ends in .json. Text with syntax errors is
// returned as it is, with the errors.
func Format(src []byte, filename string) ([]byte, hcl.Diagnostics) {
	if _, diags := parseSource(filename, src); diags.HasErrors() {
		return src, arrange(diags)
	}
	if !strings.HasSuffix(filename, ".json") {
		return hclwrite.Format(src), nil
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(src), "", "  "); err != nil {
		return src, hcl.Diagnostics{errorAt(pointRange(filename, 1, 1, 0), "Bad JSON", "%s: %s.", filename, err)}
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
