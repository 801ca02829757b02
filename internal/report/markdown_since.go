package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// SinceMarkdown writes what a change does to packages as a review comment. It
// is never longer than MarkdownLimit.
func SinceMarkdown(w io.Writer, r *planner.ChangeReport) error {
	m := &markdown{left: MarkdownLimit - noteRoom}
	title := "no package changes"
	if len(r.Packages) > 0 {
		title = fmt.Sprintf("%d added, %d rebuilt, %d removed",
			r.Count(planner.ChangeAdded), r.Count(planner.ChangeRebuilt), r.Count(planner.ChangeRemoved))
	}
	m.write("### Stowage changes: " + title + "\n\n" + escapeMarkdown(SinceSummary(r)) + "\n\n")
	var rows []string
	for _, c := range r.Packages {
		sign, _ := changeSign(c.Change)
		why := whyCell(&planRow{why: cmp.Or(reasonText(c.Reason, c.Changes), string(c.Change))})
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", code(sign), tableCell(code(c.Name)),
			tableCell(escapeMarkdown(strings.Join(c.Platforms, ", "))), tableCell(why)))
	}
	const head = "| | Package | Platforms | Why |\n|---|---|---|---|\n"
	first := rows[:min(len(rows), maxReviewRows)]
	if len(rows) > 0 && m.write(head) {
		m.writeRows(first, "\n")
	}
	if rest := rows[len(first):]; len(rest) > 0 {
		m.collapsed(fmt.Sprintf("%d more", len(rest)), head, rest, "")
	}
	if len(m.missing) > 0 {
		fmt.Fprintf(&m.text, "\n_Left out to fit a comment: %s._\n", strings.Join(m.missing, ", "))
	}
	_, err := io.WriteString(w, m.text.String())
	return err
}
