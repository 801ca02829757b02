package graph_test

import (
	"fmt"
	"testing"

	"github.com/stowage-build/stowage/graph"
)

const large = 100_000

func name(i int) string { return fmt.Sprintf("node-%07d", i) }

// chainOf is n nodes in a row, each depending on the one before.
func chainOf(n int) *graph.Graph {
	g := graph.New()
	for i := 1; i < n; i++ {
		g.AddEdge(name(i), name(i-1))
	}
	return g
}

// layered is n nodes, each depending on three of about the hundred before it.
func layered(n int) *graph.Graph {
	g := graph.New()
	g.AddNode(name(0))
	for i := 1; i < n; i++ {
		for _, back := range []int{1 + i%97, 1 + i*7%89, 1 + i*31%83} {
			g.AddEdge(name(i), name(max(0, i-back)))
		}
	}
	return g
}

func one(string) int64 { return 1 }

// TestLongChain is about depth: nothing may recurse along it.
func TestLongChain(t *testing.T) {
	g := chainOf(large)
	waves, err := g.Waves()
	if err != nil || len(waves) != large {
		t.Fatalf("%d waves, %v", len(waves), err)
	}
	path, total, err := g.CriticalPath(one)
	if err != nil || total != large || path[0] != name(0) {
		t.Errorf("critical path of %d, %v", total, err)
	}
	remaining, err := g.Remaining(one)
	if err != nil || remaining[name(0)] != large {
		t.Errorf("remaining of the first is %d, %v", remaining[name(0)], err)
	}
	if n := len(g.Dependencies(name(large - 1))); n != large-1 {
		t.Errorf("%d dependencies of the last", n)
	}
	if n := len(g.Dependents(name(0))); n != large-1 {
		t.Errorf("%d dependents of the first", n)
	}
}

// TestLargeRing is one cycle through everything: the search must not start
// again at each node.
func TestLargeRing(t *testing.T) {
	g := chainOf(large)
	g.AddEdge(name(0), name(large-1))
	if n := len(g.Cycle()); n != large+1 {
		t.Errorf("cycle of %d names", n)
	}
}

// TestTangle has no short cycle and very many long ones: the search must end.
func TestTangle(t *testing.T) {
	const size = 20_000
	g := graph.New()
	for i := range size {
		g.AddEdge(name(i), name((i+1)%size))
		g.AddEdge(name(i), name((i+2)%size))
	}
	first := g.Cycle()
	if len(first) < 3 || first[0] != first[len(first)-1] {
		t.Errorf("cycle of %d names is none", len(first))
	}
}

func BenchmarkBuildGraph(b *testing.B) {
	for b.Loop() {
		layered(large)
	}
}

func BenchmarkOrder(b *testing.B) {
	benchmark(b, func(g *graph.Graph) error { _, err := g.Order(); return err })
}
func BenchmarkWaves(b *testing.B) {
	benchmark(b, func(g *graph.Graph) error { _, err := g.Waves(); return err })
}
func BenchmarkCycle(b *testing.B) { benchmark(b, func(g *graph.Graph) error { g.Cycle(); return nil }) }
func BenchmarkClosure(b *testing.B) {
	benchmark(b, func(g *graph.Graph) error { g.Dependencies(name(large - 1)); return nil })
}
func BenchmarkRemaining(b *testing.B) {
	benchmark(b, func(g *graph.Graph) error { _, err := g.Remaining(one); return err })
}

func benchmark(b *testing.B, run func(*graph.Graph) error) {
	g := layered(large)
	b.ReportAllocs()
	for b.Loop() {
		if err := run(g); err != nil {
			b.Fatal(err)
		}
	}
}
