package schema_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/stowage-build/stowage/schema"
)

const jsonSchemaPage = "../docs/stowage.schema.json"

// TestJSONSchemaPage compares the page with the blocks and attributes that
// there are.
func TestJSONSchemaPage(t *testing.T) {
	want, err := schema.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(jsonSchemaPage, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(jsonSchemaPage)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("docs/stowage.schema.json is not what the configuration may say, %v; run go test ./schema -run JSONSchema -update", err)
	}
}

// TestJSONSchema: what is valid fits the schema, and what editors should warn
// of does not.
func TestJSONSchema(t *testing.T) {
	text, err := schema.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("stowage.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("stowage.json")
	if err != nil {
		t.Fatal(err)
	}
	valid := func(content string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(value)
	}
	files := 0
	err = filepath.WalkDir("testdata/valid", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "stowage.hcl.json" {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := valid(string(content)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
	for _, good := range []string{
		`{}`, `{"workspace": {"//": "ours", "name": "x"}}`, `{"package": [{"a": {}}, {"b": [{"args": "${local.args}"}]}]}`,
		`{"package": {"a": {"source": {"../x": {"to": "/x"}}, "retries": "${1 + 1}"}}, "locals": {"any": [1]}}`,
	} {
		if err := valid(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		`{"packages": {}}`, `{"package": {"a": {"arg": {}}}}`, `{"package": {"a": {"no_cache": 1}}}`, `{"package": {"a": {"args": []}}}`,
		`{"workspace": "x"}`, `{"package": {"a": {"platform": {"linux/arm64": {"context": "."}}}}}`,
	} {
		if valid(bad) == nil {
			t.Errorf("%s fits", bad)
		}
	}
}
