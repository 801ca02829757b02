// Package report renders plans and runs for people and for other programs:
// the text of stowage plan, graphs, and the lines that apply prints.
//
// It decides nothing and reads nothing: it turns data into bytes on an
// io.Writer. Start with Plan in plan.go for plans, and Plain and JSON for
// what happens during a run.
package report
