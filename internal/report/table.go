package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/lipgloss"
	"github.com/charmbracelet/x/ansi"
)

// writeTable writes rows of cells in aligned columns, indented by two. style
// says how a cell looks; it does not change its width.
func writeTable(w io.Writer, rows [][]string, style func(row, column int) lipgloss.Style) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	for i, row := range rows {
		line := &strings.Builder{}
		gap := 2
		for j, cell := range row {
			if cell != "" {
				line.WriteString(strings.Repeat(" ", gap))
				line.WriteString(style(i, j).Render(cell))
				gap = 0
			}
			gap += 2 + widths[j] - ansi.StringWidth(cell)
		}
		fmt.Fprintln(w, line)
	}
}

// writeList writes items one after another, separated by commas, in lines of
// at most width cells. The first line begins with head, the others with as
// many spaces.
func writeList(w io.Writer, head string, items []string, width int) {
	indent := strings.Repeat(" ", ansi.StringWidth(head))
	line, empty := head, true
	for i, item := range items {
		if i < len(items)-1 {
			item += ","
		}
		switch {
		case empty:
			line += item
		case ansi.StringWidth(line)+1+ansi.StringWidth(item) > width:
			fmt.Fprintln(w, line)
			line = indent + item
		default:
			line += " " + item
		}
		empty = false
	}
	fmt.Fprintln(w, line)
}
