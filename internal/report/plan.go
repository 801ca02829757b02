package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/stowage-build/stowage/planner"
)

// Plan writes a plan as text: its waves with the reason of every step, what
// is reused, remarks, and the summary line.
func Plan(w io.Writer, p *planner.Plan) error {
	out := bufio.NewWriter(w)
	for i, wave := range p.Waves {
		fmt.Fprintf(out, "Wave %d\n", i+1)
		writeTable(out, planRows(p, wave))
		fmt.Fprintln(out)
	}
	if reused := reuseRows(p); len(reused) > 0 {
		fmt.Fprintln(out, "Reused")
		writeTable(out, reused)
		fmt.Fprintln(out)
	}
	for _, d := range p.Diagnostics {
		writeDiagnostic(out, d)
	}
	fmt.Fprintln(out, Summary(p))
	return out.Flush()
}

// writeTable writes rows of cells in aligned columns, indented by two.
func writeTable(w io.Writer, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.StripEscape)
	for _, row := range rows {
		fmt.Fprintf(t, "  %s\n", strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	t.Flush()
}

// planRows makes one row for the steps of a wave that say the same of a
// package's platforms.
func planRows(p *planner.Plan, ids []string) [][]string {
	var rows [][]string
	at := map[string]int{}
	for _, s := range stepsOf(p, ids) {
		why := reason(s)
		key := string(s.Kind) + "\x00" + s.Package + "\x00" + s.Tag + "\x00" + why
		if i, ok := at[key]; ok {
			rows[i][2] += ", " + s.Platform
			continue
		}
		at[key] = len(rows)
		rows = append(rows, []string{string(s.Kind), s.Package, s.Platform + s.Tag, why})
	}
	return rows
}

// stepsOf returns the steps with the ids, in their order.
func stepsOf(p *planner.Plan, ids []string) []planner.Step {
	var steps []planner.Step
	for _, s := range p.Steps {
		if _, ok := slices.BinarySearch(ids, s.ID); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

// reason is a step's reason and changes in one cell.
func reason(s planner.Step) string {
	switch {
	case s.Reason == "":
		return ""
	case len(s.Changes) == 0:
		return string(s.Reason)
	}
	const most = 6
	changes := s.Changes
	more := ""
	if len(changes) > most {
		more = fmt.Sprintf(" and %d more", len(changes)-most)
		changes = changes[:most]
	}
	return string(s.Reason) + ": " + strings.Join(changes, ", ") + more
}

// reuseRows makes one row for each package with reused nodes.
func reuseRows(p *planner.Plan) [][]string {
	var rows [][]string
	at := map[string]int{}
	for _, s := range p.Steps {
		if s.Kind != planner.KindReuse {
			continue
		}
		key := s.Package + "\x00" + s.FoundIn
		if i, ok := at[key]; ok {
			rows[i][1] += ", " + s.Platform
			continue
		}
		at[key] = len(rows)
		rows = append(rows, []string{s.Package, s.Platform, "in " + s.FoundIn})
	}
	return rows
}

func writeDiagnostic(w io.Writer, d planner.Diagnostic) {
	at := ""
	if d.Location != "" {
		at = " (" + d.Location + ")"
	}
	fmt.Fprintf(w, "%s: %s%s\n", capitalised(d.Severity), d.Summary, at)
	if d.Detail != "" {
		fmt.Fprintf(w, "  %s\n", d.Detail)
	}
	fmt.Fprintln(w)
}

// Summary is the line that ends a plan.
func Summary(p *planner.Plan) string {
	var todo []string
	add := func(n int, what string) {
		if n > 0 {
			todo = append(todo, fmt.Sprintf("%d to %s", n, what))
		}
	}
	s := p.Summary
	add(s.Build, "build")
	add(s.Pull, "pull")
	add(s.Index, "index")
	add(s.Push, "push")
	add(s.Tag, "tag")
	add(s.Load, "load")
	line := "Plan: nothing to do"
	if len(todo) > 0 {
		line = "Plan: " + strings.Join(todo, ", ")
	}
	line += fmt.Sprintf("; %d reused", s.ReuseStore+s.ReuseRegistry)
	var from []string
	for _, f := range []struct {
		n     int
		where string
	}{{s.ReuseRegistry, "registry"}, {s.ReuseStore, "store"}} {
		if f.n > 0 {
			from = append(from, fmt.Sprintf("%d %s", f.n, f.where))
		}
	}
	if len(from) > 0 {
		line += " (" + strings.Join(from, ", ") + ")"
	}
	return line + "." + estimate(p)
}

func estimate(p *planner.Plan) string {
	if p.EstimateMS == 0 {
		return ""
	}
	d := Duration(time.Duration(p.EstimateMS) * time.Millisecond)
	if len(p.CriticalPath) == 0 {
		return " Estimated " + d + "."
	}
	return fmt.Sprintf(" Estimated %s (critical path %s).", d, strings.Join(p.CriticalPath, " → "))
}

// Duration is a duration as people say it: 0.3s, 12s, 4m10s, 1h2m.
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
}

func capitalised(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
