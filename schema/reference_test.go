package schema

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocumented: docs/config.md has every block, attribute and function.
func TestDocumented(t *testing.T) {
	src, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(src)
	for _, s := range specs() {
		for _, name := range s.attributes {
			if !strings.Contains(doc, "`"+name+"`") {
				t.Errorf("the attribute %s of %s is not documented", name, s.where)
			}
		}
		for _, b := range s.blocks {
			if !strings.Contains(doc, "`"+b.Type+"`") {
				t.Errorf("the block %s of %s is not documented", b.Type, s.where)
			}
		}
	}
	all := slices.Concat(slices.Collect(maps.Keys(functions())), slices.Collect(maps.Keys(fileFunctions(&scope{env: &environment{}}))))
	for _, name := range all {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("the function %s is not documented", name)
		}
	}
}

// TestComplete: the workspace testdata/valid/full sets every attribute and
// has every block, and every attribute of packages has a reader.
func TestComplete(t *testing.T) {
	var text strings.Builder
	for _, name := range []string{"stowage.hcl", "pkg/app/stowage.hcl"} {
		src, err := os.ReadFile("testdata/valid/full/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(src)
	}
	words := strings.Fields(text.String())
	for _, s := range specs() {
		names := slices.Clone(s.attributes)
		for _, b := range s.blocks {
			if !slices.Contains(s.later, b.Type) {
				names = append(names, b.Type)
			}
		}
		for _, name := range names {
			if !slices.Contains(words, name) {
				t.Errorf("%s of %s is not in testdata/valid/full", name, s.where)
			}
		}
	}
	read := slices.Sorted(maps.Keys(attributeReaders))
	if !slices.Equal(read, slices.Sorted(slices.Values(attributeOrder))) {
		t.Error("attributeOrder and attributeReaders differ")
	}
	for _, name := range commonAttributes {
		if attributeReaders[name] == nil {
			t.Errorf("%s is accepted and not read", name)
		}
	}
}

func specs() []*bodySpec {
	return []*bodySpec{
		fileSpec, workspaceSpec, variableSpec, validationSpec, packageSpec, defaultsSpec, platformSpec, sourceSpec,
		secretSpec, attestSpec, groupSpec, builderSpec, tlsSpec, registrySpec, functionSpec, outputSpec,
	}
}
