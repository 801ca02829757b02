package report

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/charmbracelet/lipgloss"

	"github.com/stowage-build/stowage/executor"
)

// Simulation writes a simulated schedule: how long it takes, what it cannot be
// shorter than, and what each builder does.
func Simulation(w io.Writer, s *executor.Simulation) error {
	out := &bytes.Buffer{}
	if s.Builds == 0 {
		_, err := fmt.Fprintln(w, "Simulation: nothing to build.")
		return err
	}
	fmt.Fprintf(out, "Simulation: %d builds on %d slots of %d builders.\n\n", s.Builds, s.Slots, len(s.Builders))
	rows := [][]string{
		{"makespan", milliseconds(s.MakespanMS), overBound(s)},
		{"lower bound", milliseconds(s.LowerBoundMS), "critical path " + milliseconds(s.CriticalPathMS) + ", work " + milliseconds(s.WorkMS)},
		{"utilisation", percent(s.Utilisation), ""},
	}
	plain := func(int, int) lipgloss.Style { return lipgloss.NewStyle() }
	writeTable(out, rows, plain)
	fmt.Fprintln(out)
	rows = [][]string{{"BUILDER", "SLOTS", "BUILDS", "EMULATED", "BUSY", "UTILISATION"}}
	for _, b := range s.Builders {
		rows = append(rows, []string{
			b.Name, strconv.Itoa(b.Slots), strconv.Itoa(b.Builds), strconv.Itoa(b.Emulated), milliseconds(b.BusyMS), percent(b.Utilisation),
		})
	}
	writeTable(out, rows, plain)
	if s.Unrecorded > 0 {
		fmt.Fprintf(out, "\nThe duration of %d builds is not recorded; they are taken to last as long as --simulate-duration says.\n", s.Unrecorded)
	}
	for _, note := range s.Notes {
		fmt.Fprintf(out, "\n%s\n", note)
	}
	_, err := w.Write(out.Bytes())
	return err
}

func overBound(s *executor.Simulation) string {
	if s.LowerBoundMS == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %% over the lower bound", 100*(float64(s.MakespanMS)/float64(s.LowerBoundMS)-1))
}

func percent(part float64) string { return fmt.Sprintf("%.1f %%", 100*part) }
