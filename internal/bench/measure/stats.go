package measure

import (
	"fmt"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Spread is the median of some values with the smallest and the largest.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf sums values up. There must be at least one.
func SpreadOf(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	return Spread{
		Median: (s[(len(s)-1)/2] + s[len(s)/2]) / 2,
		Min:    s[0], Max: s[len(s)-1],
	}
}

func (s Spread) String() string { return fmt.Sprintf("%.3f (%.3f–%.3f)", s.Median, s.Min, s.Max) }

// Ratios divides values by others, each by the one at its place: two programs
// that ran in the same round.
func Ratios(values, by []float64) []float64 {
	out := make([]float64, min(len(values), len(by)))
	for i := range out {
		out[i] = values[i] / by[i]
	}
	return out
}

// Line is a straight line through points: y = Start + Slope·x.
type Line struct {
	Start, Slope float64
	// R2 says how much of y's variance the line explains: 1 is all of it.
	R2 float64
}

// LineThrough fits a line to points by least squares. There must be two at
// least that differ in x.
func LineThrough(x, y []float64) Line {
	start, slope := stat.LinearRegression(x, y, nil, false)
	return Line{start, slope, stat.RSquared(x, y, nil, start, slope)}
}
