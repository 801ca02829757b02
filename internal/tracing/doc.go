// Package tracing tells an OpenTelemetry collector what a command does: a span
// for the command, for its parts, and for each step of a run, with BuildKit's
// own spans below those of builds.
//
// The span that everything is part of is in the context. Where there is none,
// nothing is recorded and nothing is paid for. A program that uses the API is
// traced by giving it a context with a span of its own.
//
// Start with Setup, for the command, and Start, for a part.
package tracing
