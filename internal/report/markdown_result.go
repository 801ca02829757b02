package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

// ResultMarkdown writes how a run ended, for a CI system's page of it.
func ResultMarkdown(w io.Writer, r *executor.Result) error {
	m := &markdown{left: MarkdownLimit - noteRoom}
	m.write("### Stowage\n\n" + escapeMarkdown(ResultSummary(r)) + "\n\n")
	for _, f := range r.Failed {
		text := "**Failed: " + escapeMarkdown(stepName(f.Step)) + "**\n\n" + fenced(strings.Join(append(cleanLines(f.Excerpt), append(f.Log, f.Error)...), "\n")) + "\n"
		if !m.write(text) {
			m.omit("the failure of %s", stepName(f.Step))
		}
	}
	var rows []string
	for _, d := range r.Done {
		if d.Step.Kind != planner.KindReuse {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", tableCell(code(stepName(d.Step))), d.Status, Duration(d.Duration()), tableCell(escapeMarkdown(d.Builder))))
		}
	}
	m.collapsed(fmt.Sprintf("Steps (%d)", len(rows)), "| Step | | Took | Builder |\n|---|---|---:|---|\n", rows, "")
	if len(m.missing) > 0 {
		fmt.Fprintf(&m.text, "\n_Left out: %s._\n", strings.Join(m.missing, ", "))
	}
	_, err := io.WriteString(w, m.text.String())
	return err
}
