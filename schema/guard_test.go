package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

// TestDeepNesting: text that would exhaust the stack of the parser, which
// nothing could recover from, is refused in a single diagnostic.
func TestDeepNesting(t *testing.T) {
	const n = 1 << 15
	rep := func(s string) string { return strings.Repeat(s, n) }
	tests := map[string]string{
		"parentheses":       "locals {\n  a = " + rep("(") + "1" + rep(")") + "\n}\n",
		"lists":             "locals {\n  a = " + rep("[") + rep("]") + "\n}\n",
		"objects":           "locals {\n  a = " + rep("{a=") + "1" + rep("}") + "\n}\n",
		"unclosed":          "locals {\n  a = " + rep("["),
		"blocks":            rep("a {\n"),
		"not":               "locals {\n  a = " + rep("!") + "true\n}\n",
		"minus":             "locals {\n  a = " + rep("-") + "1\n}\n",
		"sum":               "locals {\n  a = 1" + rep("+1") + "\n}\n",
		"sum in lines":      "locals {\n  a = (1" + rep("\n+1") + ")\n}\n",
		"sum in a for":      "locals {\n  a = {for k in [] : k => 1" + rep("+\n1") + "}\n}\n",
		"condition":         "locals {\n  a = " + rep("true ? 1 : ") + "2\n}\n",
		"templates":         "locals {\n  a = " + rep(`"${`) + "1" + rep(`}"`) + "\n}\n",
		"directives":        "locals {\n  a = \"" + rep("%{if true}") + "\"\n}\n",
		"indexes":           "locals {\n  a = b" + rep("[c]") + "\n}\n",
		"splats":            "locals {\n  a = b" + rep("[*]") + "\n}\n",
		"calls":             "locals {\n  a = " + rep("f(") + "\n}\n",
		"heredoc":           "locals {\n  a = <<E\n" + rep("${") + "\nE\n}\n",
		"exponent":          "locals {\n  a = 1e999999999\n}\n",
		"negative exponent": "locals {\n  a = 1e-999999999\n}\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) { refused(t, tree(text)) })
	}
	json := map[string]string{
		"arrays":   `{"locals": {"a": ` + rep("[") + rep("]") + `}}`,
		"objects":  `{"locals": {"a": ` + rep(`{"a":`) + "1" + rep("}") + `}}`,
		"template": `{"locals": {"a": "` + rep("${(") + `"}}`,
		"not":      `{"locals": {"a": "${` + rep("!") + `true}"}}`,
		"type":     `{"variable": {"a": {"default": 1, "type": "` + rep("list(") + `"}}}`,
		"exponent": `{"locals": {"a": 1e999999999}}`,
	}
	for name, text := range json {
		t.Run("JSON "+name, func(t *testing.T) { refused(t, tree("", "a/stowage.hcl.json", text)) })
	}
}

func refused(t *testing.T, fsys fstest.MapFS) {
	t.Helper()
	_, diags := schema.Load(fsys, schema.Options{})
	got := summaries(diags)
	if len(got) != 1 || got[0] != "Nested too deeply" && got[0] != "Number too large" {
		t.Errorf("got %q", got)
	}
}

// TestShallow: what real configuration has is not refused.
func TestShallow(t *testing.T) {
	var long, lines strings.Builder
	for i := range 3_000 {
		fmt.Fprintf(&long, "    \"key-%d\" = \"${var.v}.a-b/c\" # - ! ( { [\n", i)
		fmt.Fprintf(&lines, "  a%d = (1 + 2) * -3 == -9 ? [1, 2][0] : { a = 1 }.a\n", i)
	}
	root := "variable \"v\" {\n  default = 1\n}\nlocals {\n" + lines.String() + "  long = {\n" + long.String() + "  }\n  sum = 1" + strings.Repeat(" + 1", 500) + "\n}\n"
	load(t, tree(root), schema.Options{})
}

// TestLocalChains: locals that build on each other recurse nowhere, and their
// number is bounded.
func TestLocalChains(t *testing.T) {
	chain := func(n int) string {
		var b strings.Builder
		b.WriteString("locals {\n  l0 = 1\n")
		for i := range n {
			fmt.Fprintf(&b, "  l%d = [local.l%d]\n", i+1, i)
		}
		return b.String() + "}\n"
	}
	load(t, tree(chain(900)), schema.Options{})
	_, diags := schema.Load(tree(chain(10_000)), schema.Options{})
	if got := summaries(diags); len(got) == 0 || got[0] != "Locals nested too deeply" {
		t.Errorf("got %q", got)
	}
}

// TestDeepData: functions that decode or build refuse what is too deep or too
// much for them.
func TestDeepData(t *testing.T) {
	deep := strings.Repeat("[", 1<<15)
	fsys := tree(`
package "p" {
  args = {
    A = jsondecode(file("deep.json"))
    B = yamldecode(file("deep.json"))
    C = yamldecode(file("dashes.yaml"))
    D = format("%99999999d", 1)
    E = indent(99999999, "a\n")
    F = length(setproduct(range(1000), range(1000), range(1000)))
    G = templatefile("deep.tmpl", {})
    H = indent(-1, "a")
  }
}
`, "deep.json", deep, "dashes.yaml", strings.Repeat("- ", 1<<15), "deep.tmpl", strings.Repeat("${(", 1<<15))
	_, diags := schema.Load(fsys, schema.Options{})
	if got, want := summaries(diags), slices.Repeat([]string{"Error in function call"}, 8); !slices.Equal(got, want) {
		t.Errorf("got %q: %v", got, diags)
	}
	for _, d := range diags {
		if len(d.Detail) > 500 {
			t.Errorf("the detail is %d bytes long", len(d.Detail))
		}
	}
}

// TestManyErrors: one file's errors are bounded, and the rest is counted.
func TestManyErrors(t *testing.T) {
	_, diags := schema.Load(tree("package \"p\" {\n"+strings.Repeat("a {\n}\n", 500)+"}\n"), schema.Options{})
	if len(diags) != 51 || diags[50].Summary != "Too many problems" || !strings.Contains(diags[50].Detail, "450 more") {
		t.Errorf("%d diagnostics, the last %v", len(diags), diags[len(diags)-1])
	}
}

func TestFileTooLarge(t *testing.T) {
	_, diags := schema.Load(tree("", "a/stowage.hcl", strings.Repeat("# x\n", 5<<20)), schema.Options{})
	if got := summaries(diags); !slices.Equal(got, []string{"Cannot read file"}) {
		t.Errorf("got %q", got)
	}
}

// FuzzLoad: whatever a configuration file says, Load neither panics nor
// returns a workspace together with errors, and every diagnostic has a place.
func FuzzLoad(f *testing.F) {
	seeds(f, "testdata/*/*/stowage.hcl")
	f.Fuzz(func(t *testing.T, src []byte) { loadAnything(t, "stowage.hcl", src) })
}

// FuzzLoadJSON is FuzzLoad for the JSON syntax.
func FuzzLoadJSON(f *testing.F) {
	seeds(f, "testdata/*/*/stowage.hcl.json")
	seeds(f, "testdata/*/*/*/*/stowage.hcl.json")
	f.Fuzz(func(t *testing.T, src []byte) { loadAnything(t, "stowage.hcl.json", src) })
}

func loadAnything(t *testing.T, name string, src []byte) {
	fsys := fstest.MapFS{
		name:         {Data: src},
		"Dockerfile": {Data: []byte("FROM scratch\n")},
		"a/x":        {Data: []byte("{}")},
	}
	ws, diags := schema.Load(fsys, schema.Options{})
	if (ws == nil) != diags.HasErrors() {
		t.Errorf("workspace %v with %v", ws, diags)
	}
	for _, d := range diags {
		if d.Subject == nil {
			t.Errorf("no place: %v", d)
		}
	}
	formatted, _ := schema.Format(src, name)
	if _, diags := schema.Format(formatted, name); ws != nil && diags.HasErrors() {
		t.Errorf("formatting broke the file: %v", diags)
	}
	if ws == nil {
		return
	}
	identity := func(string) (schema.Identity, bool) { return schema.Identity{Tag: "t", Hash: "h"}, true }
	for _, d := range ws.Packages {
		p, diags := ws.Evaluate(d, identity)
		if p == nil {
			t.Errorf("no package: %v", diags)
			continue
		}
		_, _ = ws.Tag(p, strings.Repeat("a", 40), identity)
	}
	var w strings.Builder
	if err := hcl.NewDiagnosticTextWriter(&w, ws.Files, 0, false).WriteDiagnostics(diags); err != nil {
		t.Error(err)
	}
}
