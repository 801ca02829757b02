// Package executor does what a plan says: it builds, pulls, indexes, pushes
// and tags, in the order that the plan's steps need, as much at once as is
// allowed, and says of every step how it ended.
//
// It decides when and where a step runs, never whether it is needed or what
// goes into it: that is the planner's. It reaches the outside only through
// the interfaces in ports.go; it prints nothing and keeps nothing on disk.
//
// One goroutine owns the state of a run (run.go). It starts workers
// (worker.go, build.go), which do one attempt at one step and send back what
// came of it. What happens meanwhile goes as events through one queue to one
// Reporter (feed.go), so that a slow one holds nothing up.
//
// Start at Apply; then run.go, and task.go for the states a step goes
// through.
package executor
