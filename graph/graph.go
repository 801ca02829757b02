package graph

import (
	"slices"

	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gonum.org/v1/gonum/graph/traverse"
)

// Graph is a set of named nodes and of edges "from depends on to". The zero
// value is not usable; see New. Any number of goroutines may read a graph that
// none is changing.
type Graph struct {
	edges *simple.DirectedGraph
	// names[i] is the name of gonum's node i; numbers is the way back.
	names   []string
	numbers map[string]int64
	// loops are the nodes that depend on themselves, which gonum's simple
	// graph does not hold.
	loops map[int64]bool
}

// New returns an empty graph.
func New() *Graph {
	return &Graph{
		edges:   simple.NewDirectedGraph(),
		numbers: map[string]int64{},
		loops:   map[int64]bool{},
	}
}

// AddNode adds a node. Adding it again changes nothing.
func (g *Graph) AddNode(id string) { g.number(id) }

// AddEdge says that from depends on to, and adds both. Adding an edge again
// changes nothing. A node that depends on itself is a cycle.
func (g *Graph) AddEdge(from, to string) {
	f, t := g.number(from), g.number(to)
	if f == t {
		g.loops[f] = true
		return
	}
	g.edges.SetEdge(simple.Edge{F: simple.Node(f), T: simple.Node(t)})
}

// number returns gonum's id of a node, adding it if it is new.
func (g *Graph) number(id string) int64 {
	n, ok := g.numbers[id]
	if !ok {
		n = int64(len(g.names))
		g.names = append(g.names, id)
		g.numbers[id] = n
		g.edges.AddNode(simple.Node(n))
	}
	return n
}

// Nodes returns all nodes, sorted.
func (g *Graph) Nodes() []string {
	return slices.Sorted(slices.Values(g.names))
}

// Has reports whether id is a node.
func (g *Graph) Has(id string) bool {
	_, ok := g.numbers[id]
	return ok
}

// DependenciesOf returns the nodes that id depends on directly, sorted; none
// when id is not a node.
func (g *Graph) DependenciesOf(id string) []string {
	return g.neighbours(id, g.edges.From)
}

// DependentsOf returns the nodes that depend on id directly, sorted; none when
// id is not a node.
func (g *Graph) DependentsOf(id string) []string {
	return g.neighbours(id, g.edges.To)
}

func (g *Graph) neighbours(id string, next func(int64) gonum.Nodes) []string {
	n, ok := g.numbers[id]
	if !ok {
		return nil
	}
	var out []string
	for it := next(n); it.Next(); {
		out = append(out, g.names[it.Node().ID()])
	}
	if g.loops[n] {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// Dependencies returns everything that ids depend on, directly or not, sorted.
// One of ids is in it only when it can be reached from one of them. Ids that
// are no nodes are ignored.
func (g *Graph) Dependencies(ids ...string) []string {
	return g.closure(ids, g.edges)
}

// Dependents returns everything that depends on ids, directly or not, sorted.
// One of ids is in it only when it can be reached from one of them. Ids that
// are no nodes are ignored.
func (g *Graph) Dependents(ids ...string) []string {
	return g.closure(ids, reversed{g.edges})
}

// closure walks along from ids. What is reached is what an edge that was
// walked leads to.
func (g *Graph) closure(ids []string, along traverse.Graph) []string {
	reached := map[int64]bool{}
	walk := traverse.BreadthFirst{Traverse: func(e gonum.Edge) bool {
		reached[e.To().ID()] = true
		return true
	}}
	for _, id := range ids {
		n, ok := g.numbers[id]
		if !ok {
			continue
		}
		if g.loops[n] {
			reached[n] = true
		}
		if !walk.Visited(simple.Node(n)) {
			walk.Walk(along, simple.Node(n), nil)
		}
	}
	out := make([]string, 0, len(reached))
	for n := range reached {
		out = append(out, g.names[n])
	}
	slices.Sort(out)
	return out
}

// reversed is a graph with its edges turned round.
type reversed struct{ *simple.DirectedGraph }

func (r reversed) From(id int64) gonum.Nodes { return r.DirectedGraph.To(id) }

func (r reversed) Edge(from, to int64) gonum.Edge {
	return simple.Edge{F: simple.Node(from), T: simple.Node(to)}
}
