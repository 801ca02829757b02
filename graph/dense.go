package graph

import (
	"slices"
)

// dense is a graph numbered in the order of its names, so that going by number
// is going by name.
type dense struct {
	names []string // sorted
	// deps[n] and users[n] are what n depends on and what depends on n,
	// ascending. Edges from a node to itself are in both.
	deps, users [][]int
}

// dense returns the numbered form of g.
func (g *Graph) dense() dense {
	d := dense{names: g.Nodes()}
	d.deps = make([][]int, len(d.names))
	d.users = make([][]int, len(d.names))
	place := make([]int, len(d.names)) // by the number in g
	for i, name := range d.names {
		place[g.numbers[name]] = i
	}
	for n, i := range place {
		d.deps[i], d.users[i] = renumbered(g.deps[n], place), renumbered(g.users[n], place)
	}
	return d
}

// renumbered is each number's place, ascending.
func renumbered(numbers, place []int) []int {
	out := make([]int, len(numbers))
	for i, n := range numbers {
		out[i] = place[n]
	}
	slices.Sort(out)
	return out
}

// named returns the names of numbers, in their order.
func (d dense) named(numbers []int) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = d.names[n]
	}
	return out
}

// layers returns the nodes by the length of the longest chain below them: a
// node is one layer after the last of its dependencies. Nodes that are on a
// cycle or depend on one are in none; the count is of those that are.
func (d dense) layers() (layers [][]int, count int) {
	waiting := make([]int, len(d.names))
	var layer []int
	for n, deps := range d.deps {
		if waiting[n] = len(deps); waiting[n] == 0 {
			layer = append(layer, n)
		}
	}
	for len(layer) > 0 {
		layers = append(layers, layer)
		count += len(layer)
		var next []int
		for _, n := range layer {
			for _, user := range d.users[n] {
				if waiting[user]--; waiting[user] == 0 {
					next = append(next, user)
				}
			}
		}
		slices.Sort(next)
		layer = next
	}
	return layers, count
}
