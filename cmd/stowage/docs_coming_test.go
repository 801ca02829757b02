package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestComingFrom: the commands and flags that the page for users of other tools
// names as ours exist, and the attributes are in the reference.
func TestComingFrom(t *testing.T) {
	page, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"--help": true}
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		known[c.Name()] = true
		add := func(f *pflag.Flag) { known["--"+f.Name] = true; known["-"+f.Shorthand] = true }
		c.Flags().VisitAll(add)
		c.PersistentFlags().VisitAll(add)
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&env{}))
	code := regexp.MustCompile("`([^`]+)`")
	flag := regexp.MustCompile(`^--?[a-z][a-z-]*`)
	name := regexp.MustCompile(`^[a-z_]+$`)
	cells := 0
	for line := range strings.Lines(string(page)) {
		columns := strings.Split(line, " | ")
		if len(columns) < 3 {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(columns[1], -1) {
			cells++
			for i, word := range strings.Fields(m[1]) {
				switch documented := strings.Contains(string(reference), "`"+word+"`"); {
				case flag.MatchString(word) && !known[flag.FindString(word)]:
					t.Errorf("there is no flag %s: %s", word, line)
				case i == 0 && name.MatchString(word) && !known[word] && !documented:
					t.Errorf("there is no %s, neither a command nor in docs/config.md: %s", word, line)
				}
			}
		}
	}
	if cells < 100 {
		t.Errorf("the page names %d things only", cells)
	}
}
