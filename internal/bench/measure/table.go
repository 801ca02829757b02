package measure

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// Table prints rows as Markdown, so that they can be put into a page as they
// are.
type Table struct{ out io.Writer }

// NewTable prints a table's header.
func NewTable(out io.Writer, columns ...string) Table {
	t := Table{out}
	fmt.Fprintln(out)
	t.Row(columns...)
	fmt.Fprintln(out, strings.Repeat("|---", len(columns))+"|")
	return t
}

// Row prints one row, with as many cells as there are columns.
func (t Table) Row(cells ...string) { fmt.Fprintf(t.out, "| %s |\n", strings.Join(cells, " | ")) }

// Machine says in a few words what was measured on, and how much it had to do
// beside that when the measuring began.
func Machine() string {
	load := "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(text), " ")
	}
	return fmt.Sprintf("%d processors, %s, load %s at the start", runtime.NumCPU(), runtime.Version(), load)
}

// MiB prints bytes in mebibytes.
func MiB[N int64 | float64](bytes N) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) }
