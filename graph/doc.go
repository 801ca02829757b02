// Package graph is a directed graph of names: who depends on whom, in what
// order that can be done, what hangs on what, and which chain takes longest.
//
// It knows nothing of images, packages or builds, keeps no run state and
// starts no goroutine. Gonum's algorithms run over it (gonum.go); what they do
// not promise (an order that is the same on every run, shortest cycles, waves)
// is here.
//
// Everything it returns is deterministic: it depends on the names and edges
// only, never on the order in which they were added. Every algorithm but the
// search for a shortest cycle is linear in nodes and edges, apart from sorting,
// and none recurses over an acyclic graph.
//
// Start at Graph; then order.go (Order, Waves), path.go (CriticalPath,
// Remaining) and cycle.go (Cycle).
package graph
