// Package fleet is the builders that a run uses: those of the workspace or of
// the command line, the one of BUILDKIT_HOST, or the embedded one, which it
// starts when it is needed and again when it is lost.
package fleet
