package graph

import (
	"strings"

	"gonum.org/v1/gonum/graph/topo"
)

// CycleError says that a graph has no order, and shows why.
type CycleError struct {
	// Path is a cycle as Graph.Cycle returns it.
	Path []string
}

func (e *CycleError) Error() string {
	return "dependency cycle: " + strings.Join(e.Path, " → ")
}

// searchLimit bounds the search for the shortest cycle, in edges looked at.
// Without it, large tangles made for the purpose would take hours.
const searchLimit = 50_000_000

// Cycle returns nil when the graph has no cycle, and otherwise a shortest one
// as a path a, b, …, a in which each depends on the next. It begins with its
// name that sorts first; of several shortest, it is the one that sorts first.
// (In a tangle of very many nodes whose cycles are all long the search ends
// early, with the shortest found until then: still a cycle, always the same.)
func (g *Graph) Cycle() []string {
	d := g.dense()
	for n, deps := range d.deps {
		for _, to := range deps {
			if to == n {
				return d.named([]int{n, n})
			}
		}
	}
	if _, count := d.layers(); count == len(d.names) {
		return nil
	}
	s := newCycleSearch(d, d.components())
	for n := range d.names {
		if len(s.best) == 3 || (s.best != nil && s.looked > searchLimit) {
			break
		}
		if s.alive[n] {
			s.through(n)
			s.remove(n)
		}
	}
	return d.named(s.best)
}

// components gives every node that is on a cycle the number of its strongly
// connected component, and 0 to the others. A cycle is within one component.
func (d dense) components() []int {
	out := make([]int, len(d.names))
	for i, members := range topo.TarjanSCC(directed{d}) {
		if len(members) > 1 {
			for _, m := range members {
				out[m.ID()] = i + 1
			}
		}
	}
	return out
}

// cycleSearch looks for the shortest cycle through one node after another.
// After its turn a node is taken away, and with it what is on no cycle without
// it, so that a single ring is searched once and not once per node.
type cycleSearch struct {
	dense
	component []int
	alive     []bool
	// in and out count the live edges within the component.
	in, out []int
	// best is the shortest cycle so far, closed: its first is its last.
	best   []int
	looked int

	// Of one search: which node led to this one, how far it is, and in which
	// search that was found.
	parent, depth, seen []int
	search              int
}

func newCycleSearch(d dense, component []int) *cycleSearch {
	size := len(d.names)
	s := &cycleSearch{
		dense: d, component: component, alive: make([]bool, size),
		in: make([]int, size), out: make([]int, size),
		parent: make([]int, size), depth: make([]int, size), seen: make([]int, size),
	}
	for n := range d.names {
		s.alive[n] = component[n] > 0
	}
	for n := range d.names {
		for _, to := range d.deps[n] {
			if s.edge(n, to) {
				s.out[n]++
				s.in[to]++
			}
		}
	}
	return s
}

// edge reports whether from and to are live nodes of one component.
func (s *cycleSearch) edge(from, to int) bool {
	return s.alive[from] && s.alive[to] && s.component[from] == s.component[to]
}

// through looks for a cycle through start that is shorter than the best.
// Going breadth first and by name, the first it finds is the shortest, and of
// those the one that sorts first.
func (s *cycleSearch) through(start int) {
	s.search++
	s.seen[start], s.depth[start] = s.search, 1
	queue := []int{start}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		if s.best != nil && s.depth[n]+1 >= len(s.best) {
			return
		}
		for _, to := range s.deps[n] {
			s.looked++
			if to == start {
				s.keep(start, n)
				return
			}
			if s.seen[to] != s.search && s.edge(n, to) {
				s.seen[to], s.parent[to], s.depth[to] = s.search, n, s.depth[n]+1
				queue = append(queue, to)
			}
		}
	}
}

// keep makes the way from start to last, and back to start, the best.
func (s *cycleSearch) keep(start, last int) {
	cycle := make([]int, s.depth[last]+1)
	cycle[0], cycle[len(cycle)-1] = start, start
	for i := len(cycle) - 2; i > 0; i-- {
		cycle[i] = last
		last = s.parent[last]
	}
	s.best = cycle
}

// remove takes n away, and everything that no cycle is left through because
// nothing live leads to it or from it.
func (s *cycleSearch) remove(n int) {
	gone := []int{n}
	s.alive[n] = false
	for len(gone) > 0 {
		n := gone[len(gone)-1]
		gone = gone[:len(gone)-1]
		gone = s.cut(gone, s.deps[n], s.component[n], s.in)
		gone = s.cut(gone, s.users[n], s.component[n], s.out)
	}
}

// cut takes one edge from each of the live nodes, and adds to gone those that
// have none left.
func (s *cycleSearch) cut(gone, nodes []int, component int, left []int) []int {
	for _, n := range nodes {
		if !s.alive[n] || s.component[n] != component {
			continue
		}
		if left[n]--; left[n] == 0 {
			s.alive[n] = false
			gone = append(gone, n)
		}
	}
	return gone
}
