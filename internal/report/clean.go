package report

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// clean makes one line of output safe to print. Escape sequences and control
// characters are left out, and so are the marks that change the direction of
// text. Of what carriage returns overwrite, the last is kept; tabs and line
// ends are spaces.
func clean(line string) string {
	if isPlain(line) {
		return line
	}
	line = ansi.Strip(strings.ToValidUTF8(line, "\uFFFD"))
	line = strings.TrimRight(line, "\r\n")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, line)
}

// isPlain reports whether s is printable ASCII only, as most lines are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// cleanLines cleans each line of a text and leaves out empty ones at its end.
func cleanLines(text string) []string {
	lines := strings.Split(strings.TrimRight(text, "\r\n"), "\n")
	for i, line := range lines {
		lines[i] = clean(line)
	}
	return lines
}

// cleanText cleans each line of a text.
func cleanText(text string) string { return strings.Join(cleanLines(text), "\n") }

// Clean makes one line of output safe to print: see clean.
func Clean(line string) string { return clean(line) }
