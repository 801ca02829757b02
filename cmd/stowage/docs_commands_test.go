package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestCommandLines: every command line of ours in the documentation and in the
// example pipelines is one that the program takes.
func TestCommandLines(t *testing.T) {
	found := 0
	check := func(texts map[string]string, whole bool) {
		for file, text := range texts {
			for _, words := range commandLines(text) {
				found++
				if err := checkCommandLine(words, whole); err != nil {
					t.Errorf("%s: stowage %s: %v", file, strings.Join(words, " "), err)
				}
			}
		}
	}
	blocks, inline := documentedCommands(t)
	check(blocks, true)
	check(inline, false)
	check(pipelineCommands(t), true)
	if found < 180 {
		t.Errorf("%d command lines, want at least 180", found)
	}
}

var (
	codeBlocks = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	inlineCode = regexp.MustCompile("`(stowage [^`]+)`")
	usageLines = regexp.MustCompile(`(?m)^stowage .*\[(flags|command)\]$`)
)

// documentedCommands are what the documentation has for shells, by file: in
// blocks, and in sentences.
func documentedCommands(t *testing.T) (blocks, inline map[string]string) {
	t.Helper()
	blocks, inline = map[string]string{}, map[string]string{}
	for _, pattern := range []string{"README.md", "docs/*.md", "examples/*.md", "examples/*/*.md"} {
		for file, page := range read(t, "../../"+pattern) {
			for _, block := range codeBlocks.FindAllStringSubmatch(page, -1) {
				if block[1] == "" || block[1] == "sh" {
					blocks[file] += usageLines.ReplaceAllString(block[2], "")
				}
			}
			for _, code := range inlineCode.FindAllStringSubmatch(codeBlocks.ReplaceAllString(page, ""), -1) {
				inline[file] += strings.ReplaceAll(code[1], "\n", " ") + "\n"
			}
		}
	}
	return blocks, inline
}

// pipelineCommands are what the example pipelines run, by file.
func pipelineCommands(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"github*/.github/workflows/*.yml", "gitlab/.gitlab-ci.yml", "gitlab/.gitlab/*.yml"} {
		for file, content := range read(t, pipelinesDir+"/"+pattern) {
			text, err := pipelineShell([]byte(content), "")
			if err != nil || text == "" {
				t.Errorf("%s: %v, %q", file, err, text)
			}
			texts[file] = text
		}
	}
	return texts
}

// read reads the files that match, at least one.
func read(t *testing.T, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(files), err)
	}
	contents := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[file] = string(content)
	}
	return contents
}

// commandStart is where a command begins, after a prompt and variables maybe.
var commandStart = regexp.MustCompile(`(?m)(?:^\s*(?:\$ )?|&& |\|\| |\| |; |\$\(|<\()(?:[A-Z_]+=\S+ )*stowage(?:[ \t]|$)`)

// commandLines are the words after stowage of each command in a text.
func commandLines(text string) [][]string {
	var lines [][]string
	text = strings.ReplaceAll(text, "\\\n", " ")
	for _, at := range commandStart.FindAllStringIndex(text, -1) {
		lines = append(lines, shellWords(text[at[1]:]))
	}
	return lines
}

// shellWords are the words of a command, as far as a shell would take them for
// its own.
func shellWords(text string) []string {
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	end := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, inWord = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			end()
		case quote == 0 && (strings.ContainsRune("\n|&;<>)", r) || r == '#' && !inWord):
			if r == '>' && word.String() == "2" { // 2> FILE
				return words
			}
			end()
			return words
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	end()
	return words
}

// checkCommandLine has the program take a command line, without running it;
// where it is named in a sentence, it may lack arguments.
func checkCommandLine(words []string, whole bool) error {
	root := newRoot(newEnv(io.Discard, io.Discard))
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	args := cmd.Flags().Args()
	if err := cmd.ValidateArgs(args); err != nil && (whole || len(args) > 0) {
		return err
	}
	cmd.Flags().Visit(func(f *pflag.Flag) { err = errors.Join(err, checkFixedValue(cmd, f)) })
	return err
}

// checkFixedValue holds the value of a flag against the words that it takes.
func checkFixedValue(cmd *cobra.Command, f *pflag.Flag) error {
	allowed := fixedValues(cmd, f.Name)
	values := []string{f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values = list.GetSlice()
	}
	for _, v := range values {
		if allowed != nil && !slices.Contains(allowed, v) {
			return fmt.Errorf("--%s %s: it takes %q", f.Name, v, allowed)
		}
	}
	return nil
}

// TestShellWords: what the lines of the documentation have.
func TestShellWords(t *testing.T) {
	const text = `$ stowage plan 'a b' "c" --x=1 # no
A=1 stowage list|jq .
x=$(stowage --version 2> err)
not stowage
stowage`
	want := [][]string{{"plan", "a b", "c", "--x=1"}, {"list"}, {"--version"}, nil}
	if got := commandLines(text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
