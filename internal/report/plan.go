package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/lipgloss"

	"github.com/stowage-build/stowage/planner"
)

// PlanOptions say how the text of a plan looks.
type PlanOptions struct {
	// Color says to use colours.
	Color bool
}

// listWidth is where lists in a plan are wrapped, in cells, so that a plan is
// the same text whatever it is written to.
const listWidth = 80

// maxChanges is how many of a step's changes are shown.
const maxChanges = 6

// Plan writes a plan as text: its waves with the reason of every step, what
// is reused, remarks, and the summary line.
func Plan(w io.Writer, p *planner.Plan, opts PlanOptions) error {
	out := bufio.NewWriter(w)
	t := planText{Plan: p, palette: newPalette(opts.Color)}
	for i, wave := range p.Waves {
		t.wave(out, i+1, wave)
	}
	t.reused(out)
	for _, d := range p.Diagnostics {
		t.diagnostic(out, d)
	}
	fmt.Fprintln(out, t.bold.Render(Summary(p)))
	return out.Flush()
}

// planText writes the parts of one plan.
type planText struct {
	*planner.Plan
	palette
}

// planRow is what a wave does to a package, on one or several platforms.
type planRow struct {
	kind          planner.Kind
	name, on, why string
}

func (t *planText) wave(w io.Writer, number int, ids []string) {
	steps := t.steps(ids)
	fmt.Fprintf(w, "%s %s\n", t.bold.Render(fmt.Sprintf("Wave %d", number)), t.dim.Render("("+countKinds(steps)+")"))
	rows := t.rows(steps)
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = []string{kindCell(r.kind), r.name, r.on, r.why}
	}
	writeTable(w, cells, func(row, column int) lipgloss.Style {
		switch column {
		case 0:
			return t.kinds[rows[row].kind]
		case 1:
			return t.bold
		case 3:
			return t.dim
		}
		return lipgloss.Style{}
	})
	if names := indexed(steps); len(names) > 0 {
		head := "  " + t.kinds[planner.KindIndex].Render(kindCell(planner.KindIndex)) + "  "
		writeList(w, head, names, listWidth)
	}
	fmt.Fprintln(w)
}

// kindCell makes the column of kinds equally wide in all waves.
func kindCell(k planner.Kind) string { return fmt.Sprintf("%-5s", k) }

// indexed are the packages whose indexes are written: there is nothing else to
// say of them.
func indexed(steps []planner.Step) []string {
	var names []string
	for _, s := range steps {
		if s.Kind == planner.KindIndex {
			names = append(names, clean(s.Package))
		}
	}
	return names
}

// steps returns the steps of a wave, in their order.
func (t *planText) steps(ids []string) []planner.Step {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	var steps []planner.Step
	for _, s := range t.Steps {
		if wanted[s.ID] {
			steps = append(steps, s)
		}
	}
	return steps
}

// countKinds is "3 to build, 1 to index".
func countKinds(steps []planner.Step) string {
	var s planner.Summary
	for _, step := range steps {
		switch step.Kind {
		case planner.KindBuild:
			s.Build++
		case planner.KindPull:
			s.Pull++
		case planner.KindIndex:
			s.Index++
		case planner.KindPush:
			s.Push++
		case planner.KindTag:
			s.Tag++
		case planner.KindLoad:
			s.Load++
		}
	}
	return strings.Join(toDo(s), ", ")
}

// rows makes one row for the steps, other than those that write indexes, that
// say the same of a package's platforms.
func (t *planText) rows(steps []planner.Step) []*planRow {
	var rows []*planRow
	at := map[planRow]*planRow{}
	for _, s := range steps {
		if s.Kind == planner.KindIndex {
			continue
		}
		key := planRow{kind: s.Kind, name: s.Package, why: t.reason(s)}
		if s.Tag != "" {
			key.on = s.Tag
		}
		row, ok := at[key]
		if !ok {
			row = &planRow{kind: key.kind, name: clean(key.name), on: s.Platform + s.Tag, why: key.why}
			at[key] = row
			rows = append(rows, row)
			continue
		}
		row.on += ", " + s.Platform
	}
	return rows
}

// reason is why a step is there, or for pushes, where they go.
func (t *planText) reason(s planner.Step) string {
	if s.Kind == planner.KindPush {
		if p := t.packageInfo(s.Package); p != nil {
			return "to " + p.Ref
		}
	}
	return reasonText(s.Reason, s.Changes)
}

// reasonText is a reason with the first of the changes that it is due to.
func reasonText(reason planner.Reason, all []string) string {
	if reason == "" || len(all) == 0 {
		return string(reason)
	}
	more := ""
	if n := len(all) - maxChanges; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	changes := slices.Clone(all[:min(len(all), maxChanges)])
	for i, c := range changes {
		changes[i] = clean(c)
	}
	return string(reason) + ": " + strings.Join(changes, ", ") + more
}

func (t *planText) packageInfo(name string) *planner.PackageInfo {
	for i, p := range t.Packages {
		if p.Name == name {
			return &t.Packages[i]
		}
	}
	return nil
}

// reused lists packages by where their nodes were found. Platforms are named
// where they are not all that the package has.
func (t *planText) reused(w io.Writer) {
	for _, where := range []string{"registry", "store"} {
		platforms, nodes := t.found(where)
		if nodes == 0 {
			continue
		}
		fmt.Fprintf(w, "%s %s\n", t.bold.Render("Reused from the "+where), t.dim.Render(fmt.Sprintf("(%d)", nodes)))
		writeList(w, "  ", t.reusedNames(platforms), listWidth)
		fmt.Fprintln(w)
	}
}

// found returns the platforms of packages that are reused from a place.
func (t *planText) found(where string) (platforms map[string][]string, nodes int) {
	platforms = map[string][]string{}
	for _, s := range t.Steps {
		if s.Kind == planner.KindReuse && s.FoundIn == where {
			platforms[s.Package] = append(platforms[s.Package], s.Platform)
			nodes++
		}
	}
	return platforms, nodes
}

func (t *planText) reusedNames(platforms map[string][]string) []string {
	var names []string
	for name, found := range platforms {
		p := t.packageInfo(name)
		text := clean(name)
		if p == nil || len(p.Platforms) != len(found) {
			text += " (" + strings.Join(found, ", ") + ")"
		}
		names = append(names, text)
	}
	slices.Sort(names)
	return names
}

func (t *planText) diagnostic(w io.Writer, d planner.Diagnostic) {
	style := lipgloss.Style{}
	switch d.Severity {
	case "error":
		style = t.bad
	case "warning":
		style = t.alert
	}
	at := ""
	if d.Location != "" {
		at = " (" + clean(d.Location) + ")"
	}
	fmt.Fprintf(w, "%s %s%s\n", style.Render(capitalised(d.Severity)+":"), clean(d.Summary), at)
	if d.Detail != "" {
		fmt.Fprintln(w, indent(cleanLines(d.Detail)))
	}
	fmt.Fprintln(w)
}

func capitalised(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// indent joins lines, each indented by two.
func indent(lines []string) string {
	return "  " + strings.Join(lines, "\n  ")
}
