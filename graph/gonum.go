package graph

import (
	"slices"

	gonum "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/iterator"
	"gonum.org/v1/gonum/graph/simple"
)

// directed is a numbered graph as gonum's algorithms want it.
type directed struct{ dense }

var _ gonum.Directed = directed{}

func (d directed) Node(id int64) gonum.Node {
	if id < 0 || id >= int64(len(d.names)) {
		return nil
	}
	return simple.Node(id)
}

func (d directed) Nodes() gonum.Nodes {
	return iterator.NewImplicitNodes(0, len(d.names), func(id int) gonum.Node { return simple.Node(id) })
}

func (d directed) From(id int64) gonum.Nodes { return nodes(d.deps[id]) }
func (d directed) To(id int64) gonum.Nodes   { return nodes(d.users[id]) }

func nodes(numbers []int) gonum.Nodes {
	out := make([]gonum.Node, len(numbers))
	for i, n := range numbers {
		out[i] = simple.Node(n)
	}
	return iterator.NewOrderedNodes(out)
}

func (d directed) HasEdgeFromTo(from, to int64) bool {
	_, has := slices.BinarySearch(d.deps[from], int(to))
	return has
}

func (d directed) HasEdgeBetween(x, y int64) bool {
	return d.HasEdgeFromTo(x, y) || d.HasEdgeFromTo(y, x)
}

func (d directed) Edge(from, to int64) gonum.Edge {
	if !d.HasEdgeFromTo(from, to) {
		return nil
	}
	return simple.Edge{F: simple.Node(from), T: simple.Node(to)}
}
