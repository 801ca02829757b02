package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

func (b *bench) heading(title, text string) { fmt.Fprintf(b.out, "\n### %s\n\n%s\n", title, text) }

func (b *bench) row(cells ...string) { fmt.Fprintf(b.out, "| %s |\n", strings.Join(cells, " | ")) }

// rule prints what follows a table's header.
func (b *bench) rule(columns int) { fmt.Fprintln(b.out, strings.Repeat("|---", columns)+"|") }

// programs prints what each program used on each workspace.
func (b *bench) programs(results []result, name func(result) string) {
	fmt.Fprintln(b.out)
	b.row("workspace", "program", "wall s: median (min–max)", "CPU s", "peak MiB")
	b.rule(5)
	for _, r := range results {
		for _, p := range r.programs {
			if slices.Contains(r.stopped, p) {
				b.row(name(r), string(p), fmt.Sprintf("stopped after %.0f", b.limit.Seconds()), "–", "–")
				continue
			}
			b.row(name(r), string(p), measure.SpreadOf(r.values(p, wall)).String(),
				fmt.Sprintf("%.2f", measure.SpreadOf(r.values(p, cpu)).Median),
				fmt.Sprintf("%.0f", measure.SpreadOf(r.values(p, mib)).Median))
		}
	}
	fmt.Fprintln(b.out)
}

// fits prints how what the programs used grows with x: a line through the
// medians. Fewer than three workspaces say nothing about that.
func (b *bench) fits(unit string, results []result, x func(result) float64, programs ...program) {
	if len(results) < 3 {
		return
	}
	var xs []float64
	for _, r := range results {
		xs = append(xs, x(r))
	}
	line := func(p program, of func(measure.Usage) float64) measure.Line {
		var ys []float64
		for _, r := range results {
			ys = append(ys, measure.SpreadOf(r.values(p, of)).Median)
		}
		return measure.LineThrough(xs, ys)
	}
	fmt.Fprintln(b.out)
	b.row("growth", "wall", "R²", "CPU", "R²", "peak", "R²")
	b.rule(7)
	for _, p := range programs {
		w, c, m := line(p, wall), line(p, cpu), line(p, mib)
		r2 := func(l measure.Line) string { return fmt.Sprintf("%.3f", l.R2) }
		b.row(string(p),
			fmt.Sprintf("%.0f ms + %.1f µs/%s", w.Start*1e3, w.Slope*1e6, unit), r2(w),
			fmt.Sprintf("%.0f ms + %.1f µs/%s", c.Start*1e3, c.Slope*1e6, unit), r2(c),
			fmt.Sprintf("%.0f MiB + %.1f KiB/%s", m.Start, m.Slope*1024, unit), r2(m))
	}
}
