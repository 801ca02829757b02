// Package arch has no code, only a test of how the folders may depend on each
// other: describe (schema), order (graph), decide (planner), do (executor).
// The four know nothing of the outside, which is behind their interfaces and
// implemented below internal/.
package arch
