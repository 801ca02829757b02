package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTroubleshooting: the messages that docs/troubleshooting.md is about are
// what the program says: each piece of them is in its source.
func TestTroubleshooting(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	source := sourceText(t)
	headings := regexp.MustCompile("(?m)^### `(.+)`$").FindAllStringSubmatch(string(page), -1)
	if len(headings) < 20 {
		t.Errorf("%d messages, want at least 20", len(headings))
	}
	for _, heading := range headings {
		for _, piece := range strings.Split(heading[1], "…") {
			if piece = strings.TrimSpace(piece); !strings.Contains(source, piece) {
				t.Errorf("%q: nothing says %q", heading[1], piece)
			}
		}
	}
}

// sourceText is the source of the program, without its tests.
func sourceText(t *testing.T) string {
	t.Helper()
	text := &strings.Builder{}
	err := filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		text.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// tutorialCommand writes what docs/tutorial.md has to be pasted into a file:
// tutorial FILE
func tutorialCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tutorial file")
	}
	page, err := os.ReadFile("../../docs/tutorial.md")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(tutorialBlocks(string(page))), 0o600))
}

// tutorialBlocks are what docs/tutorial.md has to be pasted into a shell.
func tutorialBlocks(page string) string {
	text := &strings.Builder{}
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		text.WriteString(block[1])
	}
	return text.String()
}
