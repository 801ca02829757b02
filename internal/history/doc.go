// Package history remembers earlier builds in the state directory: the inputs
// of each package's last build, so that a plan can say what changed, and how
// long its builds took, so that it can say how long this one will.
//
// All of it is advice. What cannot be read is as good as unknown, and nothing
// that is decided depends on it.
package history
