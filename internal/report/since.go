package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"

	"github.com/charmbracelet/lipgloss"

	"github.com/stowage-build/stowage/planner"
)

// Since writes what a change does to the packages of a workspace.
func Since(w io.Writer, r *planner.ChangeReport, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	p := newPalette(opts.Color)
	cells := make([][]string, len(r.Packages))
	for i, c := range r.Packages {
		sign, _ := changeSign(c.Change)
		cells[i] = []string{sign, clean(c.Name), cmp.Or(reasonText(c.Reason, c.Changes), string(c.Change))}
	}
	writeTable(out, cells, func(row, column int) lipgloss.Style {
		switch column {
		case 0:
			_, like := changeSign(r.Packages[row].Change)
			return p.kinds[like]
		case 1:
			return p.bold
		}
		return p.dim
	})
	if len(cells) > 0 {
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, p.bold.Render(SinceSummary(r)))
	return out.Flush()
}

// changeSign marks a change as Terraform does, in the colour of a kind of step.
func changeSign(kind planner.ChangeKind) (sign string, like planner.Kind) {
	switch kind {
	case planner.ChangeAdded:
		return "+", planner.KindPush
	case planner.ChangeRemoved:
		return "-", planner.KindReuse
	}
	return "~", planner.KindBuild
}

// SinceSummary is a report's last line.
func SinceSummary(r *planner.ChangeReport) string {
	commit := r.Since.Commit
	if len(commit) > 12 {
		commit = commit[:12]
	}
	since := fmt.Sprintf("Since %s (%s)", clean(r.Since.Revision), commit)
	if len(r.Packages) == 0 {
		return since + ": no package changes."
	}
	return fmt.Sprintf("%s: %d added, %d rebuilt, %d removed; %d unchanged.", since,
		r.Count(planner.ChangeAdded), r.Count(planner.ChangeRebuilt), r.Count(planner.ChangeRemoved), r.Unchanged)
}
