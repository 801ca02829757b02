package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// growing are two rounds on workspaces of 10, 20 and 30 packages, in which a
// warm plan takes 100 ms a package, git half of that, and bake stopped at 30.
func growing() []result {
	var out []result
	for n := 10; n <= 30; n += 10 {
		used := measure.Usage{Wall: time.Duration(n) * 100 * time.Millisecond, CPU: time.Second, Peak: int64(n) << 20}
		half := measure.Usage{Wall: used.Wall / 2, CPU: time.Second, Peak: 1 << 20}
		r := round{cold: used, warm: used, floor: half, hashing: half, bake: used}
		res := result{shape: monorepo.Usual(n), edges: 2 * n, programs: []program{cold, warm, floor, hashing, bake}, rounds: []round{r, r}}
		if n == 30 {
			res.rounds = []round{{cold: used, warm: used, floor: half, hashing: half, bake: used}, {cold: used, warm: used, floor: half, hashing: half}}
			res.stopped = []program{bake}
		}
		out = append(out, res)
	}
	return out
}

func TestTables(t *testing.T) {
	var out strings.Builder
	b := &bench{options: options{limit: time.Minute}, out: &out}
	results := growing()
	b.programs(results, func(r result) string { return "w" })
	b.ratios(results)
	b.fits("package", results, func(r result) float64 { return float64(r.shape.Packages) }, warm)
	for _, want := range []string{
		"| w | stowage plan --offline, warm | 1.000 (1.000–1.000) | 1.00 | 10 |",
		"| w | docker buildx bake --print | stopped after 60 | – | – |",
		"| 10 | 2.000 (2.000–2.000) | 2.000 (2.000–2.000) | 1.000 (1.000–1.000) | 1024 | 1024 |",
		"| 30 | 2.000 (2.000–2.000) | 2.000 (2.000–2.000) | – | 1024 | 1024 |",
		"| stowage plan --offline, warm | 0 ms + 100000.0 µs/package | 1.000 |",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no line %q in\n%s", want, out.String())
		}
	}
}

func TestFitsNeedThreeWorkspaces(t *testing.T) {
	var out strings.Builder
	b := &bench{out: &out}
	b.fits("package", growing()[:2], func(r result) float64 { return float64(r.shape.Packages) }, warm)
	if out.Len() > 0 {
		t.Errorf("two workspaces gave a fit:\n%s", out.String())
	}
}

func TestNumbers(t *testing.T) {
	n := measure.Numbers{7}
	if err := n.Set("100,5000"); err != nil || n.String() != "100,5000" {
		t.Errorf("got %v, %v", n, err)
	}
	if err := n.Set(""); err != nil || len(n) != 0 {
		t.Errorf("got %v, %v for none", n, err)
	}
	for _, bad := range []string{"x", "0", "1,-2"} {
		if n.Set(bad) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
