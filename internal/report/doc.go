// Package report renders plans and runs for people and for other programs:
// the text of stowage plan, graphs, the lines or the live view of a run, and
// what is said at its end.
//
// It decides nothing and reads nothing: it turns data into bytes on an
// io.Writer. Whatever comes from outside, such as a build's output, is printed
// without the control characters by which it could garble a terminal.
//
// Start with Plan in plan.go for plans, and NewReporter in reporter.go for
// what happens during a run.
package report
