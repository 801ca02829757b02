package schema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/schema"
)

// TestFunctions evaluates each expression to text.
func TestFunctions(t *testing.T) {
	tests := []struct{ expr, want string }{
		{`length("héé")`, "3"},
		{`length([1, 2])`, "2"},
		{`length({ a = 1 })`, "1"},
		{`length(toset(["a", "a"]))`, "1"},
		{`replace("a.b.c", ".", "-")`, "a-b-c"},
		{`replace("a1b22", "/[0-9]+/", "#")`, "a#b#"},
		{`regex_replace("a1", "[0-9]", "")`, "a"},
		{`regex("v(\\d+)", "v12")[0]`, "12"},
		{`join(",", reverse(["a", "b"]))`, "b,a"},
		{`strreverse("abc")`, "cba"},
		{`basename("a/b.txt")`, "b.txt"},
		{`dirname("a/b.txt")`, "a"},
		{`startswith("abc", "ab") && endswith("abc", "bc") && strcontains("abc", "b")`, "true"},
		{`sum([1, 2.5, "3"])`, "6.5"},
		{`sum([])`, "0"},
		{`alltrue([true, "true"])`, "true"},
		{`alltrue([true, null])`, "false"},
		{`anytrue([false, true])`, "true"},
		{`one([7])`, "7"},
		{`coalesce(one([]), "none")`, "none"},
		{`semvercmp("1.2.3", ">= 1.2, < 2")`, "true"},
		{`semvercmp("v3.0.0", "~1.2")`, "false"},
		{`semverparse("v1.2.3-rc.1+x").minor`, "2"},
		{`semverparse("1.2.3-rc.1").prerelease`, "rc.1"},
		{`jsonencode(transpose({ a = ["x", "y"], b = ["x"] }))`, `{"x":["a","b"],"y":["a"]}`},
		{`jsonencode(jsondecode("{\"a\": [1, null]}"))`, `{"a":[1,null]}`},
		{`yamldecode("a: [1, 2]").a[1]`, "2"},
		{`trimspace(yamlencode({ a = 1 }))`, `"a": 1`},
		{`base64decode(base64encode("hé"))`, "hé"},
		{`urlencode("a b/c")`, "a+b%2Fc"},
		{`substr(sha256("x"), 0, 8)`, "2d711642"},
		{`md5("")`, "d41d8cd98f00b204e9800998ecf8427e"},
		{`format("%05d-%s", 42, "x")`, "00042-x"},
		{`try(var.v.nope, "else")`, "else"},
		{`can(var.v.nope)`, "false"},
		{`join(",", [for p in setproduct(["a"], [1, 2]) : join("", p)])`, "a1,a2"},
		{`tostring(tonumber("5") + 1)`, "6"},
		{`join(",", keys(merge({ b = 1 }, { a = 2 })))`, "a,b"},
		{`lookup({ a = "x" }, "b", "y")`, "y"},
		{`timeadd("2026-01-01T00:00:00Z", "1h")`, "2026-01-01T01:00:00Z"},
		{`formatdate("YYYY", "2026-01-01T00:00:00Z")`, "2026"},
		{`parseint("ff", 16)`, "255"},
		{`indent(2, "a\nb")`, "a\n  b"},
		{`title("a b")`, "A B"},
		{`trimprefix("v1", "v")`, "1"},
		{`join(",", range(3))`, "0,1,2"},
		{`file("sub/a.txt")`, "A"},
		{`file("./sub/../sub/a.txt")`, "A"},
		{`file("../up.txt")`, "up"},
		{`filebase64("sub/a.txt")`, "QQ=="},
		{`substr(filesha256("sub/a.txt"), 0, 8)`, "559aead0"},
		{`filemd5("sub/a.txt")`, "7fc56270e7a70fa81a5935b72eacbe29"},
		{`fileexists("sub/a.txt")`, "true"},
		{`fileexists("sub")`, "false"},
		{`join(",", fileset(".", "**/*.txt"))`, "sub/a.txt,sub/b.txt"},
		{`join(",", fileset("sub", "[b-z].*"))`, "b.txt"},
		{`join(",", fileset("sub", "*.none"))`, ""},
		{`templatefile("t.tmpl", { names = ["x", "y"], f = "sub/a.txt" })`, "x;y;A"},
	}
	for _, test := range tests {
		fsys := tree("variable \"v\" {\n  default = { a = 1 }\n}\n",
			"up.txt", "up", "d/sub/a.txt", "A", "d/sub/b.txt", "B", "d/t.tmpl", "%{ for n in names }${n};%{ endfor }${file(f)}",
			"d/stowage.hcl", fmt.Sprintf("package \"p\" {\n  dockerfile_inline = \"FROM scratch\"\n  args = { X = %s }\n}\n", test.expr))
		if got := packagesOf(t, fsys, schema.Options{})["p"].Args["X"]; got != test.want {
			t.Errorf("%s is %q, want %q", test.expr, got, test.want)
		}
	}
}

// TestFunctionErrors: each call fails, with a message that helps.
func TestFunctionErrors(t *testing.T) {
	tests := []struct{ expr, message string }{
		{`file("../../x")`, "outside of the workspace root"},
		{`file("/x")`, "relative"},
		{`file("sub")`, "not a regular file"},
		{`file("bin")`, "filebase64"},
		{`filesha256("../../x")`, "outside of the workspace root"},
		{`fileexists("../../x")`, "outside of the workspace root"},
		{`fileset("../..", "*")`, "outside of the workspace root"},
		{`fileset(".", "[")`, "glob"},
		{`templatefile("bad.tmpl", {})`, "bad.tmpl:2,"},
		{`templatefile("self.tmpl", {})`, "templatefile"},
		{`templatefile("bad.tmpl", "x")`, "object"},
		{`git_tree("../..")`, "outside of the workspace root"},
		{`env("HOME")`, `variable "x" { env = "X" }`},
		{`uuid()`, "pass the value in as a variable"},
		{`semvercmp("x", "> 1")`, "no semantic version"},
		{`semvercmp("1.0.0", "newer")`, "no version constraint"},
		{`one([1, 2])`, "2 elements"},
		{`sum(["a"])`, "numbers"},
		{`length(5)`, "length is of"},
	}
	for _, test := range tests {
		fsys := tree("", "d/sub/a.txt", "A", "d/bin", "\xff", "d/bad.tmpl", "x\n${nope}", "d/self.tmpl", `${templatefile("self.tmpl", {})}`,
			"d/stowage.hcl", fmt.Sprintf("package \"p\" {\n  dockerfile_inline = \"FROM scratch\"\n  args = { X = %s }\n}\n", test.expr))
		_, diags := schema.Load(fsys, schema.Options{})
		if len(diags) != 1 || !strings.Contains(diags[0].Detail, test.message) {
			t.Errorf("%s: %v; want %q", test.expr, diags, test.message)
		}
	}
}
