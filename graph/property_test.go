package graph_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/topo"

	"github.com/stowage-build/stowage/graph"
)

type edge struct{ from, to string }

// sample is a random graph as plain data, to check graph.Graph against.
type sample struct {
	nodes []string
	edges []edge
}

// random returns a graph of up to size nodes; one without cycles when acyclic.
func random(r *rand.Rand, size int, acyclic bool) sample {
	var s sample
	count := 1 + r.IntN(size)
	names := r.Perm(count * 3)
	for _, name := range names[:count] {
		s.nodes = append(s.nodes, "n"+strconv.Itoa(name))
	}
	for range r.IntN(3 * count) {
		from, to := r.IntN(count), r.IntN(count)
		if acyclic && from == to {
			continue
		}
		if acyclic && from < to {
			from, to = to, from
		}
		s.edges = append(s.edges, edge{s.nodes[from], s.nodes[to]})
	}
	return s
}

// graph adds the nodes and edges in random order.
func (s sample) graph(r *rand.Rand) *graph.Graph {
	g := graph.New()
	nodes, edges := slices.Clone(s.nodes), slices.Clone(s.edges)
	r.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	r.Shuffle(len(edges), func(i, j int) { edges[i], edges[j] = edges[j], edges[i] })
	half := r.IntN(len(nodes) + 1)
	for _, n := range nodes[:half] {
		g.AddNode(n)
	}
	for _, e := range edges {
		g.AddEdge(e.from, e.to)
	}
	for _, n := range nodes[half:] {
		g.AddNode(n)
	}
	return g
}

// distances returns the length of the shortest way of at least one edge
// between all nodes that have one, by the slow and certain method.
func (s sample) distances() map[edge]int {
	dist := map[edge]int{}
	for _, e := range s.edges {
		dist[e] = 1
	}
	for _, via := range s.nodes {
		for _, a := range s.nodes {
			for _, b := range s.nodes {
				x, okX := dist[edge{a, via}]
				y, okY := dist[edge{via, b}]
				if old, ok := dist[edge{a, b}]; okX && okY && (!ok || x+y < old) {
					dist[edge{a, b}] = x + y
				}
			}
		}
	}
	return dist
}

func weigh(id string) int64 {
	n, _ := strconv.ParseInt(id[1:], 10, 64)
	return n%17 + 1
}

// eachSample runs check over many random graphs, each a subtest's worth of
// evidence; a failure names the seed.
func eachSample(t *testing.T, acyclic bool, check func(t *testing.T, r *rand.Rand, s sample)) {
	t.Helper()
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		check(t, r, random(r, 28, acyclic))
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func TestWavesOfRandomGraphs(t *testing.T) {
	eachSample(t, true, func(t *testing.T, r *rand.Rand, s sample) {
		waves, err := s.graph(r).Waves()
		if err != nil {
			t.Fatal(err)
		}
		wave := map[string]int{}
		for i, names := range waves {
			if len(names) == 0 || !slices.IsSorted(names) {
				t.Errorf("wave %d is empty or not sorted: %v", i, names)
			}
			for _, n := range names {
				wave[n] = i
			}
		}
		if len(wave) != len(s.nodes) {
			t.Errorf("%d nodes in waves, want %d", len(wave), len(s.nodes))
		}
		longest := make(map[string]int) // edges below; nodes were made in order
		for _, n := range s.nodes {
			for _, e := range s.edges {
				if e.from == n {
					longest[n] = max(longest[n], longest[e.to]+1)
				}
			}
			if wave[n] != longest[n] {
				t.Errorf("%s is in wave %d, its longest chain below has %d", n, wave[n], longest[n])
			}
		}
	})
}

func TestOrderOfRandomGraphs(t *testing.T) {
	eachSample(t, true, func(t *testing.T, r *rand.Rand, s sample) {
		order, err := s.graph(r).Order()
		if err != nil {
			t.Fatal(err)
		}
		// The definition: of what is ready, the first by name.
		var want []string
		left := map[string]int{}
		for _, n := range s.nodes {
			left[n] = 0
		}
		unique := map[edge]bool{}
		for _, e := range s.edges {
			if !unique[e] {
				unique[e] = true
				left[e.from]++
			}
		}
		for len(left) > 0 {
			next := ""
			for n, waiting := range left {
				if waiting == 0 && (next == "" || n < next) {
					next = n
				}
			}
			delete(left, next)
			want = append(want, next)
			for e := range unique {
				if e.to == next {
					left[e.from]--
				}
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("order = %v, want %v", order, want)
		}
	})
}

func TestClosureOfRandomGraphs(t *testing.T) {
	for _, acyclic := range []bool{true, false} {
		eachSample(t, acyclic, func(t *testing.T, r *rand.Rand, s sample) {
			g, dist := s.graph(r), s.distances()
			ids := s.nodes[:1+r.IntN(min(3, len(s.nodes)))]
			var below, above []string
			for _, n := range slices.Sorted(slices.Values(s.nodes)) {
				if slices.ContainsFunc(ids, func(id string) bool { return dist[edge{id, n}] > 0 }) {
					below = append(below, n)
				}
				if slices.ContainsFunc(ids, func(id string) bool { return dist[edge{n, id}] > 0 }) {
					above = append(above, n)
				}
			}
			equal(t, "Dependencies", g.Dependencies(ids...), below)
			equal(t, "Dependents", g.Dependents(ids...), above)
		})
	}
}

func TestCycleOfRandomGraphs(t *testing.T) {
	eachSample(t, false, func(t *testing.T, r *rand.Rand, s sample) {
		checkCycle(t, s, s.graph(r))
	})
}

// checkCycle checks that g.Cycle finds a real cycle, and as short a one as
// there is, exactly when there is one.
func checkCycle(t *testing.T, s sample, g *graph.Graph) {
	t.Helper()
	shortest := 0
	dist := s.distances()
	for _, n := range s.nodes {
		if d := dist[edge{n, n}]; d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	cycle := g.Cycle()
	if len(cycle) == 0 && shortest == 0 {
		return
	}
	if len(cycle) != shortest+1 || cycle[0] != cycle[len(cycle)-1] || cycle[0] != slices.Min(cycle) {
		t.Errorf("cycle = %v, want %d edges beginning and ending in the first by name", cycle, shortest)
	}
	for i := range len(cycle) - 1 {
		if dist[edge{cycle[i], cycle[i+1]}] != 1 {
			t.Errorf("cycle %v goes over %s → %s, which is no edge", cycle, cycle[i], cycle[i+1])
		}
	}
}

func TestPathsOfRandomGraphs(t *testing.T) {
	eachSample(t, true, func(t *testing.T, r *rand.Rand, s sample) {
		g := s.graph(r)
		path, total, err := g.CriticalPath(weigh)
		if err != nil {
			t.Fatal(err)
		}
		remaining, err := g.Remaining(weigh)
		if err != nil {
			t.Fatal(err)
		}
		var heaviest int64
		for _, n := range slices.Backward(s.nodes) { // dependents first
			want := int64(0)
			for _, e := range s.edges {
				if e.to == n {
					want = max(want, remaining[e.from])
				}
			}
			if want += weigh(n); remaining[n] != want {
				t.Errorf("remaining[%s] = %d, want %d", n, remaining[n], want)
			}
			heaviest = max(heaviest, remaining[n])
		}
		sum := int64(0)
		for i, n := range path {
			sum += weigh(n)
			if i > 0 && !slices.Contains(s.edges, edge{n, path[i-1]}) {
				t.Errorf("path %v: %s does not depend on the one before", path, n)
			}
		}
		if sum != total || total != heaviest {
			t.Errorf("path %v weighs %d, said %d, want %d", path, sum, total, heaviest)
		}
	})
}

func TestInsertionOrderDoesNotMatter(t *testing.T) {
	for _, acyclic := range []bool{true, false} {
		eachSample(t, acyclic, func(t *testing.T, r *rand.Rand, s sample) {
			first := everything(t, s.graph(r))
			for range 3 {
				if again := everything(t, s.graph(r)); again != first {
					t.Errorf("the same graph gave\n%s\nand\n%s", first, again)
				}
			}
		})
	}
}

// everything is all that a graph says, as text.
func everything(t *testing.T, g *graph.Graph) string {
	t.Helper()
	order, orderErr := g.Order()
	waves, _ := g.Waves()
	path, total, _ := g.CriticalPath(weigh)
	remaining, _ := g.Remaining(weigh)
	all := []any{g.Nodes(), g.Cycle(), order, fmt.Sprint(orderErr), waves, path, total, remaining}
	for _, n := range g.Nodes() {
		all = append(all, g.DependenciesOf(n), g.DependentsOf(n), g.Dependencies(n), g.Dependents(n))
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// FuzzGraph takes each pair of bytes as an edge and checks the invariants
// against gonum's own algorithms.
func FuzzGraph(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 2, 2, 3, 3, 1})
	f.Add([]byte{4, 4, 1, 2})
	f.Add([]byte{1, 2, 1, 3, 2, 4, 3, 4, 4, 5})
	f.Fuzz(func(t *testing.T, data []byte) {
		data = data[:min(len(data), 80)] // longer ones add nothing but time
		g, s := graph.New(), sample{}
		oracle, cyclic := simple.NewDirectedGraph(), false
		for i := 0; i+1 < len(data); i += 2 {
			from, to := int64(data[i]%32), int64(data[i+1]%32)
			e := edge{fmt.Sprintf("n%02d", from), fmt.Sprintf("n%02d", to)}
			s.edges = append(s.edges, e)
			g.AddEdge(e.from, e.to)
			if from == to {
				cyclic = true
				continue
			}
			oracle.SetEdge(simple.Edge{F: simple.Node(from), T: simple.Node(to)})
		}
		if _, err := topo.Sort(oracle); err != nil {
			cyclic = true
		}
		s.nodes = g.Nodes()
		checkCycle(t, s, g)
		order, err := g.Order()
		if (err != nil) != cyclic {
			t.Errorf("Order's error is %v; cyclic: %v", err, cyclic)
		}
		if err == nil {
			checkOrder(t, s, order)
		}
	})
}

func checkOrder(t *testing.T, s sample, order []string) {
	t.Helper()
	place := map[string]int{}
	for i, n := range order {
		place[n] = i
	}
	if len(place) != len(s.nodes) {
		t.Errorf("order %v has %d of %d nodes", order, len(place), len(s.nodes))
	}
	for _, e := range s.edges {
		if place[e.to] >= place[e.from] {
			t.Errorf("order %v: %s before %s, which it needs", order, e.from, e.to)
		}
	}
}
