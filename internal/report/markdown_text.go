package report

import "strings"

// code is a text as code, whatever is in it.
func code(text string) string {
	text = clean(text)
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

// tableCell keeps a cell from ending early.
func tableCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// escapeMarkdown keeps a text from being taken for markup, links and mentions.
func escapeMarkdown(text string) string {
	return strings.NewReplacer(
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "#", `\#`, "@", "@\u200b", "|", `\|`,
	).Replace(clean(text))
}

// fenced is a text as a block of code.
func fenced(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + strings.Join(cleanLines(text), "\n") + "\n" + fence + "\n"
}
