package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"github.com/stowage-build/stowage/internal/history"
)

// Runs writes a table of runs, newest first. now is what their age is told by.
func Runs(w io.Writer, runs []history.RunInfo, now time.Time, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	p := newPalette(opts.Color)
	cells := [][]string{{"RUN", "WHEN", "OUTCOME", "TOOK", "WHAT"}}
	for _, r := range runs {
		took := ""
		if r.Outcome != "" {
			took = milliseconds(r.TookMS)
		}
		cells = append(cells, []string{r.ID, Ago(now.Sub(r.StartedAt)), outcome(r), took, counts(r.Counts)})
	}
	writeTable(out, cells, func(row, column int) lipgloss.Style {
		switch {
		case row == 0:
			return p.dim
		case column == 2:
			return p.outcome(runs[row-1].Outcome)
		}
		return lipgloss.Style{}
	})
	return out.Flush()
}

// outcome is how a run ended, in a word.
func outcome(r history.RunInfo) string {
	if r.Outcome == "" {
		return "unfinished"
	}
	return string(r.Outcome)
}

func (p palette) outcome(o history.Outcome) lipgloss.Style {
	switch o {
	case history.OutcomeDone:
		return p.good
	case history.OutcomeFailed:
		return p.bad
	}
	return p.alert
}

// counts is "3 built, 12 reused".
func counts(all map[string]int) string {
	var parts []string
	for _, status := range []string{"built", "unchanged", "pulled", "pushed", "tagged", "loaded", "failed", "skipped", "cancelled", "reused"} {
		if n := all[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, ", ")
}

// Ago is a duration as people say it of the past: 5s, 3m, 2h, 4d ago.
func Ago(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

// Run writes a run with its steps, and where its log and page are.
func Run(w io.Writer, r *history.RunInfo, dir string, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	p := newPalette(opts.Color)
	fmt.Fprintf(out, "%s  %s\n", p.bold.Render(r.ID), p.outcome(r.Outcome).Render(outcome(*r)))
	head := [][]string{{"workspace", clean(r.Workspace) + " in " + clean(r.Root)}, {"revision", r.Revision}, {"took", milliseconds(r.TookMS)}, {"steps", counts(r.Counts)}, {"page", dir}}
	head = slices.DeleteFunc(head, func(row []string) bool { return row[1] == "" })
	writeTable(out, head, func(_, column int) lipgloss.Style {
		if column == 0 {
			return p.dim
		}
		return lipgloss.Style{}
	})
	if len(r.Steps) > 0 {
		fmt.Fprintln(out)
		writeSteps(out, p, r.Steps, false)
	}
	return out.Flush()
}

// PackageHistory writes what runs did to a package.
func PackageHistory(w io.Writer, steps []history.StepInfo, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	writeSteps(out, newPalette(opts.Color), steps, true)
	return out.Flush()
}

// writeSteps writes a table of steps; withRun says in which run each was.
func writeSteps(w io.Writer, p palette, steps []history.StepInfo, withRun bool) {
	head := []string{"STEP", "STATUS", "TOOK", "BUILDER", "WHY"}
	if withRun {
		head = append([]string{"RUN"}, head...)
	}
	cells := [][]string{head}
	for _, s := range steps {
		status := s.Status
		if s.Cached {
			status += " (all cached)"
		}
		if s.Attempts > 1 {
			status += fmt.Sprintf(" (%d attempts)", s.Attempts)
		}
		row := []string{clean(stepText(s)), status, milliseconds(s.TookMS), clean(s.Builder), historyReason(s)}
		if withRun {
			row = append([]string{s.Run}, row...)
		}
		cells = append(cells, row)
	}
	writeTable(w, cells, func(row, column int) lipgloss.Style {
		if withRun {
			column--
		}
		switch {
		case row == 0, column == 4:
			return p.dim
		case column == 1 && steps[row-1].Status == "failed":
			return p.bad
		}
		return lipgloss.Style{}
	})
}

// stepText is a step's id without what a build's has before its name.
func stepText(s history.StepInfo) string {
	if s.Platform == "" {
		return strings.Replace(s.ID, ":", " ", 1)
	}
	if s.Kind == "build" {
		return s.Package + " " + s.Platform
	}
	return s.Kind + " " + s.Package + " " + s.Platform
}

// historyReason is why a step was done, or the first line of why it failed.
func historyReason(s history.StepInfo) string {
	if s.Error != "" {
		return cleanLines(s.Error)[0]
	}
	if len(s.Changes) == 0 {
		return s.Reason
	}
	more := ""
	if n := len(s.Changes) - 3; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return s.Reason + ": " + clean(strings.Join(s.Changes[:min(3, len(s.Changes))], ", ")) + more
}

// Stats writes statistics of runs.
func Stats(w io.Writer, s *history.Stats, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	p := newPalette(opts.Color)
	fmt.Fprintf(out, "%d runs, %d builds.\n", s.Runs, s.Builds)
	section := func(title string, rows [][]string) {
		if len(rows) == 1 {
			return
		}
		fmt.Fprintf(out, "\n%s\n", p.bold.Render(title))
		writeTable(out, rows, func(row, _ int) lipgloss.Style {
			if row == 0 {
				return p.dim
			}
			return lipgloss.Style{}
		})
	}
	rows := [][]string{{"NODE", "MEAN", "LONGEST", "BUILDS", "IN ALL"}}
	for _, n := range s.Slowest {
		rows = append(rows, []string{clean(n.Package) + " " + n.Platform, milliseconds(n.MeanMS), milliseconds(n.MaxMS), fmt.Sprint(n.Builds), milliseconds(n.TotalMS)})
	}
	section("Slowest", rows)
	rows = [][]string{{"NODE", "FAILED", "OF ATTEMPTS"}}
	for _, n := range s.Flakiest {
		rows = append(rows, []string{clean(n.Package) + " " + n.Platform, fmt.Sprint(n.Retries), fmt.Sprint(n.Attempts)})
	}
	section("Flakiest: failed, and succeeded with the same inputs", rows)
	rows = [][]string{{"PACKAGE", "BUILDS", "IN RUNS", "IN ALL"}}
	for _, n := range s.Rebuilt {
		rows = append(rows, []string{clean(n.Package), fmt.Sprint(n.Builds), fmt.Sprint(n.Runs), milliseconds(n.TotalMS)})
	}
	section("Most rebuilt", rows)
	rows = [][]string{{"REASON", "CHANGE", "BUILDS", "PACKAGES", "IN ALL"}}
	for _, n := range s.Causes {
		rows = append(rows, []string{n.Reason, clean(n.Change), fmt.Sprint(n.Builds), fmt.Sprint(n.Packages), milliseconds(n.TotalMS)})
	}
	section("What causes builds", rows)
	return out.Flush()
}
