// Command executor measures what Stowage costs on top of BuildKit: the same
// tiny packages are built by Stowage's executor and by a loop of bare
// client.Solve calls, in turn, on one daemon, with the same concurrency. Each
// figure is the ratio of two runs that followed each other, so that a machine
// that is busy with other things disturbs both.
package main
