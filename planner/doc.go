// Package planner turns a loaded workspace into a plan.
//
// It works in two halves. Resolve finds out what each package is: it
// evaluates the configuration in dependency order, reads source sets and
// Dockerfiles through its ports, finds every edge, and computes the input
// hash and with it the tag. Make then asks the store and the registry what
// exists, prunes, and lists what is left as steps with reasons.
//
// A Plan is data. The planner never builds, never writes and never starts a
// process; everything it needs from outside comes through the interfaces in
// ports.go.
//
// Start with Plan in plan.go, then Resolve, the essay in hash.go, and Make.
package planner
