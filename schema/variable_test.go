package schema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/stowage-build/stowage/schema"
)

const variableRoot = `
variable "v" {
  type    = string
  default = "default"
  env     = "V"
}
package "p" {
  args = { V = var.v }
}
`

// TestPrecedence adds one source after the other: each beats those before.
func TestPrecedence(t *testing.T) {
	env := map[string]string{}
	opts := schema.Options{Getenv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}
	files := []string{}
	steps := []struct {
		name     string
		add      func()
		fromFlag bool
	}{
		{"default", func() {}, false},
		{"env", func() { env["V"] = "env" }, false},
		{"STOWAGE_VAR", func() { env["STOWAGE_VAR_v"] = "STOWAGE_VAR" }, false},
		{"auto a", func() { files = append(files, "a.auto.stowage.hclvars", `v = "auto a"`) }, false},
		{"auto b", func() { files = append(files, "b.auto.stowage.hclvars", `v = "auto b"`) }, false},
		{"file 1", func() {
			opts.VarFiles = append(opts.VarFiles, schema.VarFile{Name: "1.hclvars", Content: []byte(`v = "file 1"`)})
		}, true},
		{"file 2", func() {
			opts.VarFiles = append(opts.VarFiles, schema.VarFile{Name: "2.json", Content: []byte(`{"v": "file 2"}`)})
		}, true},
		{"flag 1", func() { opts.Vars = append(opts.Vars, schema.Var{Name: "v", Value: "flag 1"}) }, true},
		{"flag 2", func() { opts.Vars = append(opts.Vars, schema.Var{Name: "v", Value: "flag 2"}) }, true},
	}
	for _, step := range steps {
		step.add()
		ws := load(t, tree(variableRoot, files...), opts)
		packages, _ := evaluateAll(t, ws)
		if got := packages["p"].Args["V"]; got != step.name {
			t.Errorf("with %s the value is %q", step.name, got)
		}
		if v := ws.Variables[0]; v.FromFlag != step.fromFlag || v.Value != fmt.Sprintf("%q", step.name) {
			t.Errorf("with %s: FromFlag %v, Value %s", step.name, v.FromFlag, v.Value)
		}
	}
}

func TestVariableTypes(t *testing.T) {
	tests := []struct{ typ, given, expr, want string }{
		{"string", "[1]", "var.v", "[1]"},
		{"", "5", "var.v", "5"},
		{"number", "5", "var.v + 1", "6"},
		{"bool", "true", "!var.v", "false"},
		{"list(string)", `["a", "b"]`, `join("-", var.v)`, "a-b"},
		{"set(string)", `["b", "a", "b"]`, `join("-", var.v)`, "a-b"},
		{"map(number)", `{ a = 1 }`, `var.v.a`, "1"},
		{"object({ a = string, b = optional(number, 7) })", `{ a = "x" }`, `"${var.v.a}${var.v.b}"`, "x7"},
		{"tuple([string, number])", `["x", 2]`, `var.v[1]`, "2"},
		{"any", `{ a = [1] }`, `var.v.a[0]`, "1"},
	}
	for _, test := range tests {
		typ := ""
		if test.typ != "" {
			typ = "type = " + test.typ
		}
		root := fmt.Sprintf("variable \"v\" {\n  %s\n}\npackage \"p\" {\n  args = { X = %s }\n}\n", typ, test.expr)
		got := packagesOf(t, tree(root), schema.Options{Vars: []schema.Var{{Name: "v", Value: test.given}}})["p"].Args["X"]
		if got != test.want {
			t.Errorf("%s = %s: %s is %q, want %q", test.typ, test.given, test.expr, got, test.want)
		}
	}
}

func TestBadValues(t *testing.T) {
	root := "variable \"v\" {\n  type    = number\n  default = 1\n}\nvariable \"s\" {\n  type      = number\n  default   = 1\n  sensitive = true\n}\n"
	tests := []struct {
		opts    schema.Options
		summary string
		file    string
	}{
		{schema.Options{Vars: []schema.Var{{Name: "w", Value: "1"}}}, "Undeclared variable", "--var w"},
		{schema.Options{Vars: []schema.Var{{Name: "v", Value: "one"}}}, "Invalid value for variable", "--var v"},
		{schema.Options{Vars: []schema.Var{{Name: "v", Value: strings.Repeat("(", 10_000)}}}, "Invalid value for variable", "--var v"},
		{schema.Options{Vars: []schema.Var{{Name: "s", Value: "hunter2"}}}, "Invalid value for variable", "stowage.hcl"},
		{schema.Options{VarFiles: []schema.VarFile{{Name: "f", Content: []byte("s = \"hunter2\"")}}}, "Invalid value for variable", "stowage.hcl"},
		{schema.Options{VarFiles: []schema.VarFile{{Name: "f", Content: []byte("v = file(\"x\")")}}}, "Function calls not allowed", "f"},
		{schema.Options{Getenv: func(n string) (string, bool) { return "x", n == "STOWAGE_VAR_v" }}, "Invalid value for variable", "environment variable STOWAGE_VAR_v"},
	}
	for _, test := range tests {
		_, diags := schema.Load(tree(root), test.opts)
		if got := summaries(diags); !slices.Equal(got, []string{test.summary}) {
			t.Errorf("%+v: %v", test.opts, diags)
			continue
		}
		if diags[0].Subject.Filename != test.file {
			t.Errorf("%s is put down to %s, want %s", test.summary, diags[0].Subject.Filename, test.file)
		}
		if strings.Contains(diags[0].Detail, "hunter2") {
			t.Errorf("a sensitive value is shown: %s", diags[0].Detail)
		}
	}
	_, diags := schema.Load(tree(root), schema.Options{VarFiles: []schema.VarFile{{Name: "f", Content: []byte("vv = 1")}}})
	if len(diags) != 1 || diags[0].Severity != hcl.DiagWarning {
		t.Errorf("an undeclared name in a file: %v", diags)
	}
}

// TestSensitive: sensitive values reach arguments, by any path, and nothing else.
func TestSensitive(t *testing.T) {
	ws := load(t, tree(`
variable "token" {
  default   = "hunter2"
  sensitive = true
}
locals {
  url = "https://${var.token}@example.com"
}
package "p" {
  platforms = ["linux/amd64"]
  args = {
    DIRECT = var.token
    LOCAL  = upper(local.url)
    PLAIN  = "x"
    PICK   = var.token == "hunter2" ? "yes" : "no"
  }
  platform "linux/amd64" {
    args = { HERE = var.token }
  }
}
package "whole" {
  args = { for k in ["A", "B"] : k => "${k}${var.token}" }
}
`), schema.Options{})
	packages, _ := evaluateAll(t, ws)
	p := packages["p"]
	for name, want := range map[string]bool{"DIRECT": true, "LOCAL": true, "PICK": true, "HERE": true, "PLAIN": false} {
		if p.Sensitive[name] != want {
			t.Errorf("%s: sensitive is %v", name, p.Sensitive[name])
		}
	}
	if p.Args["DIRECT"] != "hunter2" || p.Args["LOCAL"] != "HTTPS://HUNTER2@EXAMPLE.COM" || p.Overrides["linux/amd64"].Args["HERE"] != "hunter2" {
		t.Errorf("args %v, %v", p.Args, p.Overrides)
	}
	if w := packages["whole"]; w.Args["B"] != "Bhunter2" || !w.Sensitive["A"] || !w.Sensitive["B"] {
		t.Errorf("a computed map: %v, sensitive %v", w.Args, w.Sensitive)
	}
	if v := ws.Variables[0]; v.Value != "" || !v.Sensitive {
		t.Errorf("the variable shows %q", v.Value)
	}
}

// TestSensitiveElsewhere puts a sensitive value into every attribute but args.
func TestSensitiveElsewhere(t *testing.T) {
	for _, attribute := range []string{
		`image = "x-${var.s}"`, `tag = "x-${var.s}"`, `extra_tags = ["x-${var.s}"]`, `labels = { a = var.s }`,
		`labels = { (var.s) = "a" }`, `annotations = { a = var.s }`, `context = var.s`, `contexts = { a = var.s }`,
		`target = var.s`, `network = var.s`, `platforms = [var.s]`, `revision = var.s`, `dockerfile_inline = var.s`,
		`args = { (var.s) = "a" }`, `image = "${self.name}${jsondecode(local.s)}"`, `contexts = { a = var.s == "" ? package.q : package.q }`, `cache_from = [var.s]`, `for_each = toset([var.s])`, `no_cache = var.s == "x"`,
		"secret \"x\" {\n  env = var.s\n}", "platform \"linux/amd64\" {\n  target = var.s\n}", `depends_on = var.s == "" ? [] : []`,
	} {
		_, diags := schema.Load(tree("package \"q\" {\n}\nvariable \"s\" {\n  default   = \"hunter2\"\n  sensitive = true\n}\nlocals {\n  s = \"x${var.s}\"\n}\npackage \"p\" {\n"+attribute+"\n}\n"), schema.Options{})
		if got := summaries(diags); len(got) != 1 || got[0] != "Sensitive value not allowed here" && got[0] != "Error in function call" {
			t.Errorf("%s: %v", attribute, diags)
		}
		for _, d := range diags {
			if strings.Contains(d.Detail+d.Summary, "hunter2") || strings.Contains(d.Detail, "invalid character") {
				t.Errorf("%s shows the value: %s", attribute, d.Detail)
			}
		}
	}
}
