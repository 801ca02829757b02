// Package history remembers runs in the state directory, in an SQLite database
// that any number of processes may use at once: when each was, what it built
// and why, on which builder, how long that took and how it ended; and the
// inputs of each package's last build, so that a plan can say what changed.
//
// All of it is advice. What cannot be read is as good as unknown, and nothing
// that is decided depends on it. The database is opened when something is asked
// of it, and made when something is recorded.
//
// Start with History in open.go; then run.go (what is recorded), recall.go
// (what planning asks), list.go and stats.go (what people ask).
package history
