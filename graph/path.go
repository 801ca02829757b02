package graph

import (
	"math"
	"slices"
)

// CriticalPath returns the heaviest chain of nodes, dependencies first, and
// the sum of its weights. Of chains of equal weight it is one with the most
// nodes, then the one that ends in the name that sorts first, and so on
// backwards. Weights below 0 count as 0; sums stop at the largest int64. An
// empty graph has no path; one with a cycle is a *CycleError.
func (g *Graph) CriticalPath(weight func(id string) int64) (path []string, total int64, err error) {
	d, layers, err := g.acyclic()
	if err != nil || len(layers) == 0 {
		return nil, 0, err
	}
	chains := make([]chain, len(d.names))
	end := -1
	for _, layer := range layers {
		for _, n := range layer {
			chains[n] = longest(chains, d.deps[n]).extended(weight(d.names[n]))
		}
	}
	for n := range chains {
		if end < 0 || chains[n].longer(chains[end]) {
			end = n
		}
	}
	var numbers []int
	for n := end; n >= 0; n = longestOf(chains, d.deps[n]) {
		numbers = append(numbers, n)
	}
	slices.Reverse(numbers)
	return d.named(numbers), chains[end].weight, nil
}

// Remaining returns, for every node, its own weight and that of the heaviest
// chain of dependents after it: what is left to do once it can start. Weights
// below 0 count as 0; sums stop at the largest int64. A graph with a cycle is
// a *CycleError.
func (g *Graph) Remaining(weight func(id string) int64) (map[string]int64, error) {
	d, layers, err := g.acyclic()
	if err != nil {
		return nil, err
	}
	chains := make([]chain, len(d.names))
	remaining := make(map[string]int64, len(d.names))
	for _, layer := range slices.Backward(layers) {
		for _, n := range layer {
			chains[n] = longest(chains, d.users[n]).extended(weight(d.names[n]))
			remaining[d.names[n]] = chains[n].weight
		}
	}
	return remaining, nil
}

// chain is the heaviest way to a node.
type chain struct {
	weight int64
	nodes  int
}

func (c chain) longer(than chain) bool {
	if c.weight != than.weight {
		return c.weight > than.weight
	}
	return c.nodes > than.nodes
}

// extended is c with one more node.
func (c chain) extended(weight int64) chain {
	weight = max(weight, 0)
	if c.weight > math.MaxInt64-weight {
		return chain{math.MaxInt64, c.nodes + 1}
	}
	return chain{c.weight + weight, c.nodes + 1}
}

// longest is the heaviest chain that ends in one of numbers.
func longest(chains []chain, numbers []int) chain {
	if n := longestOf(chains, numbers); n >= 0 {
		return chains[n]
	}
	return chain{}
}

// longestOf is the first of numbers whose chain is heaviest, -1 for none.
func longestOf(chains []chain, numbers []int) int {
	best := -1
	for _, n := range numbers {
		if best < 0 || chains[n].longer(chains[best]) {
			best = n
		}
	}
	return best
}
