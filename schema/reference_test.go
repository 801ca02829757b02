package schema

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
)

// TestDocumented: docs/config.md has every block and attribute where it is about
// the block, and every function; and its tables have no others.
func TestDocumented(t *testing.T) {
	src, err := os.ReadFile("../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := documentedBlocks(string(src))
	for _, b := range fileSpec.blocks {
		if _, ok := sections[b.Type]; !ok {
			t.Errorf("the block %s has no section", b.Type)
		}
	}
	for name, spec := range blockSpecs() {
		text := sections[name]
		if name == "defaults" { // has what a package has
			text = sections["package"]
		}
		for _, entry := range entries(spec) {
			if !strings.Contains(text, "`"+entry+"`") {
				t.Errorf("%s of %s is not documented in its place", entry, spec.where)
			}
		}
	}
	for _, problem := range unknownRows(string(src)) {
		t.Error(problem)
	}
	all := slices.Concat(slices.Collect(maps.Keys(functions())), slices.Collect(maps.Keys(fileFunctions(&scope{env: &environment{}}))))
	_, doc, _ := strings.Cut(string(src), "\n## Functions\n")
	for _, name := range all {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("the function %s is not documented", name)
		}
	}
}

// TestUnknownRows: what the reference has that the program has not is found.
func TestUnknownRows(t *testing.T) {
	const doc = "### workspace\n\n| attribute | type |\n|---|---|\n| `name` | string |\n| `names` | string |\n\n" +
		"### package\n\n| block | attributes | |\n|---|---|---|\n| `source` *PATH* | `to`, `from` (a path) | |\n| `sauce` *PATH* | | |\n"
	want := []string{"workspace has no names", "source has no from", "package has no sauce"}
	if got := unknownRows(doc); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// entries are the attributes and blocks that a block may have.
func entries(s *bodySpec) []string {
	names := slices.Clone(s.attributes)
	for _, b := range s.blocks {
		if !slices.Contains(s.later, b.Type) {
			names = append(names, b.Type)
		}
	}
	return names
}

var (
	blockSections = regexp.MustCompile(`(?m)^### ([a-z]+)$`)
	tableRow      = regexp.MustCompile("^\\| `([a-z_]+)`[^|]*\\|([^|]*)\\|(.*)$")
	codeWord      = regexp.MustCompile("`([a-z_]+)`")
)

// documentedBlocks are the reference's texts by block: the section of that name,
// or of a block in a block the row.
func documentedBlocks(doc string) map[string]string {
	texts := map[string]string{}
	for name, section := range blockTexts(doc) {
		texts[name] = section
		for line := range strings.Lines(section) {
			row := tableRow.FindStringSubmatch(strings.TrimSpace(line))
			if row != nil && blockSpecs()[name] != nil && hasBlock(blockSpecs()[name], row[1]) {
				texts[row[1]] = row[2] + row[3]
			}
		}
	}
	return texts
}

// blockTexts are the sections of third order, by heading.
func blockTexts(doc string) map[string]string {
	texts := map[string]string{}
	heads := blockSections.FindAllStringSubmatchIndex(doc, -1)
	for _, head := range heads {
		text := doc[head[1]:]
		for _, next := range []string{"\n## ", "\n### "} {
			text, _, _ = strings.Cut(text, next)
		}
		texts[doc[head[2]:head[3]]] = text
	}
	return texts
}

func hasBlock(s *bodySpec, name string) bool {
	return slices.ContainsFunc(s.blocks, func(b hcl.BlockHeaderSchema) bool { return b.Type == name })
}

// unknownRows says what tables of attributes and blocks have that is none, the last
// block in the alphabet first.
func unknownRows(doc string) []string {
	var problems []string
	texts := blockTexts(doc)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(texts))) {
		spec, table := blockSpecs()[name], ""
		for line := range strings.Lines(texts[name]) {
			row := tableRow.FindStringSubmatch(strings.TrimSpace(line))
			switch {
			case strings.HasPrefix(line, "| attribute |"), strings.HasPrefix(line, "| block | attributes |"):
				table = strings.Fields(line)[1]
			case !strings.HasPrefix(line, "|"):
				table = ""
			case row == nil || table == "" || spec == nil:
			case !slices.Contains(entries(spec), row[1]):
				problems = append(problems, name+" has no "+row[1])
			case table == "block":
				for _, word := range codeWord.FindAllStringSubmatch(row[2], -1) {
					if !slices.Contains(entries(blockSpecs()[row[1]]), word[1]) {
						problems = append(problems, row[1]+" has no "+word[1])
					}
				}
			}
		}
	}
	return problems
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
	for _, s := range append(slices.Collect(maps.Values(blockSpecs())), fileSpec) {
		for _, name := range entries(s) {
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
