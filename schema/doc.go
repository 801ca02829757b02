// Package schema turns Stowage's configuration, stowage.hcl and
// stowage.hcl.json, into a typed workspace.
//
// It reads and checks; it decides nothing. It knows no Dockerfile, no graph of
// dependencies, no hash and no registry: it lists which packages an expression
// mentions and leaves their order to the caller.
//
// Work is in two steps, because a tag is made of an input hash that is known
// only when a package's dependencies are:
//
//   - Load reads every file, evaluates all that mentions no other package's tag,
//     and reports everything wrong with it at once.
//   - Workspace.Evaluate and Workspace.Tag complete one package when the
//     packages in its Declaration.References have been completed.
//
// Start reading at Load in load.go; then declare.go (package blocks),
// evaluate.go (their attributes) and reference.go (what expressions may
// mention). blocks.go lists every block and attribute that exists. The
// reference for users is docs/config.md.
//
// Every mistake in configuration is an hcl.Diagnostic with a source range.
// Input of any kind is safe: guard.go refuses what would exhaust the stack of
// a recursive parser.
package schema
