package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write docs/commands.md")

const commandsPage = "../../docs/commands.md"

const commandsHead = `# Commands

Data goes to standard output, everything else to standard error. This page is
made from the commands' own help; ` + "`go test ./cmd/stowage -run Documentation -update`" + `
writes it.

| exit code | means |
|---|---|
| 0 | done; of plan: nothing to do, or not asked |
| 1 | an error, or failed builds |
| 2 | plan --detailed-exitcode: there is something to do |
| 3 | the saved plan is stale, or was altered |
| 130 | interrupted |

`

// TestCommandsDocumentation compares the page with the commands.
func TestCommandsDocumentation(t *testing.T) {
	page := bytes.NewBufferString(commandsHead)
	root := newRoot(newEnv(io.Discard, io.Discard))
	root.InitDefaultCompletionCmd()
	if err := describe(page, root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(commandsPage, page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(commandsPage)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, page.Bytes()) {
		t.Fatal("docs/commands.md is not what the commands say; run go test ./cmd/stowage -run Documentation -update")
	}
}

// TestEveryCommandHasAnExample: help without one leaves people guessing.
func TestEveryCommandHasAnExample(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.Example == "" && c.HasParent() {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	root := newRoot(newEnv(io.Discard, io.Discard))
	visit(root)
}

// describe writes a command and those below it.
func describe(w *bytes.Buffer, c *cobra.Command) error {
	c.DisableAutoGenTag = true
	var b bytes.Buffer
	if err := doc.GenMarkdownCustom(c, &b, anchor); err != nil {
		return err
	}
	text, _, _ := strings.Cut(b.String(), "### Options inherited from parent commands")
	text, _, _ = strings.Cut(text, "### SEE ALSO")
	w.WriteString(strings.TrimSpace(text) + "\n\n")
	for _, sub := range c.Commands() {
		if !sub.IsAvailableCommand() || sub.Name() == "help" {
			continue
		}
		if err := describe(w, sub); err != nil {
			return err
		}
	}
	return nil
}

func anchor(name string) string { return "#" + strings.TrimSuffix(name, ".md") }
