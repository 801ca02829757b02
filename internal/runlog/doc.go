// Package runlog keeps what happened during a run: a directory with the
// events as JSON lines, one log for each node, and a report at the end.
package runlog
