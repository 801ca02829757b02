package graph

import "container/heap"

// Order returns all nodes, dependencies before what depends on them. Of the
// nodes that could come next, it is always the one whose name sorts first. A
// graph with a cycle is a *CycleError.
func (g *Graph) Order() ([]string, error) {
	d := g.dense()
	waiting := make([]int, len(d.names))
	var ready numbers
	for n, deps := range d.deps {
		if waiting[n] = len(deps); waiting[n] == 0 {
			ready = append(ready, n) // ascending, so it is a heap already
		}
	}
	order := make([]int, 0, len(d.names))
	for len(ready) > 0 {
		n := heap.Pop(&ready).(int)
		order = append(order, n)
		for _, user := range d.users[n] {
			if waiting[user]--; waiting[user] == 0 {
				heap.Push(&ready, user)
			}
		}
	}
	if len(order) < len(d.names) {
		return nil, &CycleError{Path: g.Cycle()}
	}
	return d.named(order), nil
}

// Waves returns the nodes in as few waves as there can be: the first holds
// what depends on nothing, and every other node is in the wave after the last
// of its dependencies. Each wave is sorted. A graph with a cycle is a
// *CycleError.
func (g *Graph) Waves() ([][]string, error) {
	d, layers, err := g.acyclic()
	if err != nil {
		return nil, err
	}
	waves := make([][]string, len(layers))
	for i, layer := range layers {
		waves[i] = d.named(layer)
	}
	return waves, nil
}

// acyclic returns the numbered form and its layers, which hold every node.
func (g *Graph) acyclic() (dense, [][]int, error) {
	d := g.dense()
	layers, count := d.layers()
	if count < len(d.names) {
		return dense{}, nil, &CycleError{Path: g.Cycle()}
	}
	return d, layers, nil
}

// numbers is a heap of numbers, the lowest first.
type numbers []int

func (h numbers) Len() int           { return len(h) }
func (h numbers) Less(i, j int) bool { return h[i] < h[j] }
func (h numbers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *numbers) Push(x any)        { *h = append(*h, x.(int)) }

func (h *numbers) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	*h = (*h)[:last]
	return n
}
