// Package bench is a module of its own, so that the programs that Stowage is
// compared with are no dependencies of it. It holds no code itself:
//
//   - executor builds packages with Stowage and with bare BuildKit;
//   - plan runs stowage plan beside git, buildx and a program that only reads
//     and hashes (hashtree);
//   - apply runs stowage apply beside docker buildx bake, from nothing on;
//   - steady runs both where nothing, or little, is to do, up to thousands of
//     packages, whose images package images makes without building them;
//   - disk looks at what a builder keeps after many runs;
//   - lookups asks a registry for many tags, beside a bare HTTP client;
//   - startup measures commands that do next to nothing;
//   - big follows the bytes of one large image.
//
// Packages monorepo, programs, services and measure are what these share.
//
// make bench runs all of them; docs/benchmarks.md has their tables.
package bench
