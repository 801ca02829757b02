package main

import (
	"fmt"
	"io"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

// print prints what each program used in each case, and how much more than
// Stowage it took, round by round.
func (b *bench) print(out io.Writer, machine string) {
	fmt.Fprintf(out, "%d packages, %d rounds, %s\n", b.packages, b.rounds, machine)
	table := measure.NewTable(out, "case", "program", "wall s: median (min–max)", "CPU s", "daemon's CPU s", "peak MiB", "daemon's peak MiB",
		"requests", "MiB to / from the registry", "times Stowage's wall", "times Stowage's CPU, daemons included")
	for _, name := range b.cases {
		base := b.results[name][ours]
		for _, c := range b.contestants() {
			samples := b.results[name][c.name]
			ratio := func(of func(sample) float64) string {
				if c.name == ours {
					return "–"
				}
				return measure.SpreadOf(measure.Ratios(values(samples, of), values(base, of))).String()
			}
			median := func(of func(sample) float64) float64 { return measure.SpreadOf(values(samples, of)).Median }
			table.Row(name, c.name, measure.SpreadOf(values(samples, wall)).String(),
				fmt.Sprintf("%.2f", median(func(s sample) float64 { return s.CPU.Seconds() })),
				fmt.Sprintf("%.2f", median(func(s sample) float64 { return s.Daemon.CPU.Seconds() })),
				measure.MiB(median(func(s sample) float64 { return float64(s.Peak) })),
				measure.MiB(median(func(s sample) float64 { return float64(s.Daemon.Peak) })),
				fmt.Sprintf("%.0f", median(func(s sample) float64 { return float64(s.Registry.Requests) })),
				measure.MiB(median(func(s sample) float64 { return float64(s.Registry.Received) }))+" / "+
					measure.MiB(median(func(s sample) float64 { return float64(s.Registry.Sent) })),
				ratio(wall), ratio(work))
		}
	}
	fmt.Fprintln(out)
}

func wall(s sample) float64 { return s.Wall.Seconds() }

// work is all processor time that a run took but the registry's.
func work(s sample) float64 { return (s.CPU + s.Daemon.CPU).Seconds() }

func values(samples []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}
