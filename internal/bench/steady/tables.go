package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/stowage-build/stowage/internal/bench/measure"
)

func wall(s sample) float64    { return s.Wall.Seconds() }
func cpu(s sample) float64     { return s.CPU.Seconds() }
func peak(s sample) float64    { return float64(s.Peak) }
func dCPU(s sample) float64    { return s.Daemon.CPU.Seconds() }
func dPeak(s sample) float64   { return float64(s.Daemon.Peak) }
func asked(s sample) float64   { return float64(s.Registry.Requests) }
func gave(s sample) float64    { return float64(s.Registry.Sent) }
func built(s sample) float64   { return float64(s.Builds) }
func inBuild(s sample) float64 { return s.Building.Seconds() }
func rest(s sample) float64    { return (s.Wall - s.Building).Seconds() }

// values are those of a way, by rounds.
func (r *result) values(way string, of func(sample) float64) []float64 {
	var out []float64
	for _, round := range slices.Sorted(maps.Keys(r.samples[way])) {
		out = append(out, of(r.samples[way][round]))
	}
	return out
}

func (r *result) median(way string, of func(sample) float64) float64 {
	return measure.SpreadOf(r.values(way, of)).Median
}

// ratio compares two ways, round by round; "–" when no round had both.
func (r *result) ratio(way, by string) string {
	var ratios []float64
	for round, s := range r.samples[way] {
		if other, ok := r.samples[by][round]; ok {
			ratios = append(ratios, wall(s)/wall(other))
		}
	}
	if len(ratios) == 0 {
		return "–"
	}
	s := measure.SpreadOf(ratios)
	return fmt.Sprintf("%.1f (%.1f–%.1f)", s.Median, s.Min, s.Max)
}

// printIdle prints the runs with nothing to do.
func printIdle(out io.Writer, results []*result) {
	fmt.Fprint(out, "\n### Nothing to do\n")
	t := measure.NewTable(out, "packages", "program", "wall s: median (min–max)", "CPU s", "peak MiB", "daemon's CPU s", "daemon's peak MiB", "requests", "KiB from the registry")
	for _, r := range results {
		for _, way := range idleWays() {
			if len(r.samples[way.name]) == 0 {
				continue
			}
			daemon := []string{"none", "none"}
			if way.bake != "" {
				daemon = []string{fmt.Sprintf("%.2f", r.median(way.name, dCPU)), measure.MiB(r.median(way.name, dPeak))}
			}
			t.Row(fmt.Sprint(r.packages), way.name, measure.SpreadOf(r.values(way.name, wall)).String(),
				fmt.Sprintf("%.2f", r.median(way.name, cpu)), measure.MiB(r.median(way.name, peak)), daemon[0], daemon[1],
				fmt.Sprintf("%.0f", r.median(way.name, asked)), fmt.Sprintf("%.0f", r.median(way.name, gave)/1024))
		}
	}
	const tunedBake, shippedBake = "docker buildx bake, tuned", "docker buildx bake, as shipped"
	t = measure.NewTable(out, "packages", "tuned bake / the store has all", "tuned bake / the registry has all", "tuned bake / --push, both have all", "bake as shipped / the store has all")
	for _, r := range results {
		t.Row(fmt.Sprint(r.packages), r.ratio(tunedBake, stored), r.ratio(tunedBake, registered), r.ratio(tunedBake, pushed), r.ratio(shippedBake, stored))
	}
}

// printChanges prints the runs that have something to build.
func printChanges(out io.Writer, results []*result) {
	fmt.Fprint(out, "\n### Little to do\n")
	t := measure.NewTable(out, "packages", "changed", "wall s: median (min–max)", "images built", "s with a build going on", "s besides: median (min–max)", "CPU s", "peak MiB", "daemon's CPU s", "daemon's peak MiB", "requests")
	for _, r := range results {
		for _, way := range changeWays() {
			if len(r.samples[way.name]) == 0 {
				continue
			}
			builds := []string{"–", "–", "–"}
			if way.bake == "" {
				builds = []string{fmt.Sprintf("%.0f", r.median(way.name, built)), fmt.Sprintf("%.3f", r.median(way.name, inBuild)), measure.SpreadOf(r.values(way.name, rest)).String()}
			}
			t.Row(append([]string{fmt.Sprint(r.packages), way.name, measure.SpreadOf(r.values(way.name, wall)).String()}, append(builds,
				fmt.Sprintf("%.2f", r.median(way.name, cpu)), measure.MiB(r.median(way.name, peak)),
				fmt.Sprintf("%.2f", r.median(way.name, dCPU)), measure.MiB(r.median(way.name, dPeak)),
				fmt.Sprintf("%.0f", r.median(way.name, asked)))...)...)
		}
	}
}

// printGrowth prints lines through the medians of what Stowage used. Fewer
// than three sizes say nothing about that.
func printGrowth(out io.Writer, results []*result) {
	fmt.Fprint(out, "\n### Growth\n")
	t := measure.NewTable(out, "program", "sizes", "wall", "R²", "CPU", "R²", "peak", "R²")
	for _, way := range idleWays() {
		var xs, walls, cpus, peaks []float64
		for _, r := range results {
			if len(r.samples[way.name]) > 0 {
				xs = append(xs, float64(r.packages))
				walls = append(walls, r.median(way.name, wall))
				cpus = append(cpus, r.median(way.name, cpu))
				peaks = append(peaks, r.median(way.name, peak)/(1<<20))
			}
		}
		if len(xs) < 3 || way.bake != "" {
			continue
		}
		line := func(ys []float64, format string, start, slope float64) (string, string) {
			l := measure.LineThrough(xs, ys)
			return fmt.Sprintf(format, l.Start*start, l.Slope*slope), fmt.Sprintf("%.4f", l.R2)
		}
		w, wr := line(walls, "%.0f ms + %.1f µs/package", 1e3, 1e6)
		c, cr := line(cpus, "%.0f ms + %.1f µs/package", 1e3, 1e6)
		p, pr := line(peaks, "%.0f MiB + %.1f KiB/package", 1, 1024)
		t.Row(way.name, fmt.Sprintf("%.0f–%.0f", slices.Min(xs), slices.Max(xs)), w, wr, c, cr, p, pr)
	}
	fmt.Fprintln(out)
}
