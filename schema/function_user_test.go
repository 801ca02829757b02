package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/schema"
)

// args loads a workspace and returns the arguments of its package app.
func args(t *testing.T, root string, files ...string) map[string]string {
	t.Helper()
	return packagesOf(t, tree(root, files...), schema.Options{})["app"].Args
}

// TestUserFunctions: functions of any file, with variables, locals, other
// functions, files beside them, and packages as arguments.
func TestUserFunctions(t *testing.T) {
	got := args(t, `
variable "suffix" {
  default = "!"
  validation {
    condition     = twice("a") == "aa!"
    error_message = "no"
  }
}
function "twice" {
  params = [s]
  result = "${s}${s}${var.suffix}"
}
function "all" {
  params          = [sep]
  variadic_params = rest
  result          = join(sep, [for r in rest : shout(r)])
}
function "nothing" {
  params = [v]
  result = v == null ? "null" : "some"
}
function "ref" {
  params = [p]
  result = "${p.ref}@${local.made}"
}
locals {
  made = shout(local.name)
  name = "local"
}
package "base" {
}
package "app" {
  args = {
    TWICE = twice("x"), ALL = all("-", "a", "b"), NONE = all("-"), NULL = nothing(null), LIST = join(",", pair(1))
    REF = ref(package.base), TEXT = text()
  }
}
`, "sub/stowage.hcl", `
function "shout" {
  params = [s]
  result = upper(s)
}
function "text" {
  params = []
  result = file("text")
}
`, "sub/text", "beside the function", "sub/more/stowage.hcl.json", `{"function": {"pair": {"params": ["a"], "result": ["${a}", "${a + 1}"]}}}`)
	for name, want := range map[string]string{
		"TWICE": "xx!", "ALL": "A-B", "NONE": "", "NULL": "some", "LIST": "1,2", "TEXT": "beside the function",
	} {
		if name == "NULL" {
			want = "null"
		}
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !strings.HasPrefix(got["REF"], "r.example/base:0") || !strings.HasSuffix(got["REF"], "@LOCAL") {
		t.Errorf("REF is %q", got["REF"])
	}
}

// TestUserFunctionOfSensitiveVariable: what is made of one may be used where it
// may, and is in no message.
func TestUserFunctionOfSensitiveVariable(t *testing.T) {
	const root = `
variable "secret" {
  default   = "hunter2"
  sensitive = true
}
function "made" {
  params = []
  result = "<${var.secret}>"
}
function "broken" {
  params = [n]
  result = tonumber(var.secret) + n
}
`
	packages := packagesOf(t, tree(root+`package "app" { args = { A = made() } }`), schema.Options{})
	if app := packages["app"]; app.Args["A"] != "<hunter2>" || !app.Sensitive["A"] {
		t.Errorf("A is %q, sensitive %v", app.Args["A"], app.Sensitive["A"])
	}
	_, diags := schema.Load(tree(root+"package \"app\" {\n labels = { A = made() }\n args = { B = broken(1) }\n}"), schema.Options{})
	if want := []string{"Sensitive value not allowed here", "Error in function call"}; !slices.Equal(summaries(diags), want) {
		t.Errorf("diagnostics %q, want %q", summaries(diags), want)
	}
	if strings.Contains(diags.Error(), "hunter2") {
		t.Error("the value is in a message")
	}
}

// TestUserFunctionsAreBounded: what would take forever, or more memory than
// there is, is an error.
func TestUserFunctionsAreBounded(t *testing.T) {
	var chain strings.Builder
	for i := range 60 {
		fmt.Fprintf(&chain, "function \"f%d\" {\n params = [x]\n result = f%d(x)\n}\n", i, i+1)
	}
	chain.WriteString("function \"f60\" {\n params = [x]\n result = x\n}\n")
	_, diags := schema.Load(tree(chain.String()), schema.Options{})
	if !slices.Contains(summaries(diags), "Functions nested too deeply") {
		t.Errorf("diagnostics %q", summaries(diags))
	}
	var double strings.Builder
	for i := range 40 {
		fmt.Fprintf(&double, "function \"f%d\" {\n params = []\n result = f%d() + f%d()\n}\n", i, i+1, i+1)
	}
	double.WriteString("function \"f40\" {\n params = []\n result = 1\n}\nlocals {\n a = f0()\n}\n")
	_, diags = schema.Load(tree(double.String()), schema.Options{})
	if !strings.Contains(diags.Error(), "called more than") {
		t.Errorf("diagnostics %q", summaries(diags))
	}
}
