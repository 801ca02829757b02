package graph

import "slices"

// Graph is a set of named nodes and of edges "from depends on to". The zero
// value is not usable; see New. Any number of goroutines may read a graph that
// none is changing.
type Graph struct {
	// names[i] is the name of node i; numbers is the way back.
	names   []string
	numbers map[string]int
	// deps[i] and users[i] are what node i depends on and what depends on it,
	// each once. A node that depends on itself is in its own.
	deps, users [][]int
	// many are the dependencies of nodes that have many, to look one up.
	many map[int]map[int]bool
}

// few is how many dependencies are looked through one by one.
const few = 64

// New returns an empty graph.
func New() *Graph {
	return &Graph{numbers: map[string]int{}, many: map[int]map[int]bool{}}
}

// AddNode adds a node. Adding it again changes nothing.
func (g *Graph) AddNode(id string) { g.number(id) }

// AddEdge says that from depends on to, and adds both. Adding an edge again
// changes nothing. A node that depends on itself is a cycle.
func (g *Graph) AddEdge(from, to string) {
	f, t := g.number(from), g.number(to)
	if g.depends(f, t) {
		return
	}
	g.deps[f] = append(g.deps[f], t)
	g.users[t] = append(g.users[t], f)
	switch {
	case g.many[f] != nil:
		g.many[f][t] = true
	case len(g.deps[f]) > few:
		g.many[f] = map[int]bool{}
		for _, dep := range g.deps[f] {
			g.many[f][dep] = true
		}
	}
}

func (g *Graph) depends(from, to int) bool {
	if known := g.many[from]; known != nil {
		return known[to]
	}
	return slices.Contains(g.deps[from], to)
}

// number returns the number of a node, adding it if it is new.
func (g *Graph) number(id string) int {
	n, ok := g.numbers[id]
	if !ok {
		n = len(g.names)
		g.names = append(g.names, id)
		g.numbers[id] = n
		g.deps, g.users = append(g.deps, nil), append(g.users, nil)
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
func (g *Graph) DependenciesOf(id string) []string { return g.neighbours(id, g.deps) }

// DependentsOf returns the nodes that depend on id directly, sorted; none when
// id is not a node.
func (g *Graph) DependentsOf(id string) []string { return g.neighbours(id, g.users) }

func (g *Graph) neighbours(id string, along [][]int) []string {
	n, ok := g.numbers[id]
	if !ok {
		return nil
	}
	return g.sorted(along[n])
}

// sorted returns the names of numbers, sorted.
func (g *Graph) sorted(numbers []int) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = g.names[n]
	}
	slices.Sort(out)
	return out
}

// Dependencies returns everything that ids depend on, directly or not, sorted.
// One of ids is in it only when it can be reached from one of them. Ids that
// are no nodes are ignored.
func (g *Graph) Dependencies(ids ...string) []string { return g.closure(ids, g.deps) }

// Dependents returns everything that depends on ids, directly or not, sorted.
// One of ids is in it only when it can be reached from one of them. Ids that
// are no nodes are ignored.
func (g *Graph) Dependents(ids ...string) []string { return g.closure(ids, g.users) }

// closure walks along from ids. What is reached is what an edge that was
// walked leads to.
func (g *Graph) closure(ids []string, along [][]int) []string {
	reached := make([]bool, len(g.names))
	var found, pending []int
	for _, id := range ids {
		if n, ok := g.numbers[id]; ok {
			pending = append(pending, n)
		}
	}
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for _, next := range along[n] {
			if !reached[next] {
				reached[next] = true
				found, pending = append(found, next), append(pending, next)
			}
		}
	}
	return g.sorted(found)
}
