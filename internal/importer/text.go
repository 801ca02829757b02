package importer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// lineWidth is how wide a list or map may be before it is broken into lines.
const lineWidth = 80

// quote writes a string as an HCL template without interpolations.
func quote(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }

// inner is quote without the quotes, to be put together with interpolations.
func inner(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}

// objectKey writes a key of a map.
func objectKey(key string) string {
	switch key {
	case "for", "if", "in", "true", "false", "null":
		return quote(key) // they mean something else to HCL
	}
	if hclsyntax.ValidIdentifier(key) {
		return key
	}
	return quote(key)
}

// list writes a list of expressions, on several lines if it is long.
func list(expressions []string) string { return bracket("[", expressions, ",", "]") }

// quoted writes a list of strings.
func quoted(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = quote(v)
	}
	return list(out)
}

func bracket(open string, parts []string, separator, end string) string {
	if len(parts) == 0 {
		return open + end
	}
	one := open + strings.Join(parts, ", ") + end
	if open == "{" {
		one = "{ " + strings.Join(parts, ", ") + " }"
	}
	if len(one) <= lineWidth && !strings.Contains(one, "\n") {
		return one
	}
	return open + "\n" + strings.Join(parts, separator+"\n") + separator + "\n" + end
}

// literal writes a value as encoding/json decodes it, numbers as json.Number.
// Keys are sorted.
func literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = literal(e)
		}
		return list(parts)
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, objectKey(k)+" = "+literal(v[k]))
		}
		return bracket("{", parts, "", "}")
	}
	return fmt.Sprint(value) // true and false
}
