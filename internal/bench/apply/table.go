package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

// print prints what each program used in each case, and how much more than
// Stowage it took, round by round.
func (b *bench) print(out io.Writer) {
	fmt.Fprintf(out, "%d packages, %d rounds, %s, %d processors\n\n", b.packages, b.rounds, runtime.Version(), runtime.NumCPU())
	fmt.Fprintln(out, "| case | program | wall s: median (min–max) | CPU s | daemon's CPU s | peak MiB | requests | times Stowage's wall |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	for _, name := range b.cases {
		base := values(b.results[name][ours], wall)
		for _, c := range b.contestants() {
			samples := b.results[name][c.name]
			ratio := "–"
			if c.name != ours {
				ratio = measure.SpreadOf(measure.Ratios(values(samples, wall), base)).String()
			}
			median := func(of func(sample) float64) float64 { return measure.SpreadOf(values(samples, of)).Median }
			fmt.Fprintf(out, "| %s | %s | %s | %.2f | %.2f | %.0f | %.0f | %s |\n", name, c.name, measure.SpreadOf(values(samples, wall)),
				median(func(s sample) float64 { return s.CPU.Seconds() }),
				median(func(s sample) float64 { return s.Daemon.Seconds() }),
				median(func(s sample) float64 { return float64(s.Peak) / (1 << 20) }),
				median(func(s sample) float64 { return float64(s.Requests) }), ratio)
		}
	}
}

func wall(s sample) float64 { return s.Wall.Seconds() }

func values(samples []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}
