// Package bench is a module of its own, so that the programs that Stowage is
// compared with are no dependencies of it. It holds no code itself:
//
//   - executor builds packages with Stowage and with bare BuildKit;
//   - plan runs stowage plan beside git, buildx and a program that only reads
//     and hashes (hashtree), on workspaces that monorepo generates;
//   - measure runs processes and sums up what they used.
//
// make bench runs both; docs/benchmarks.md has their tables.
package bench
