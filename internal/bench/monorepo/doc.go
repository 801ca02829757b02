// Package monorepo generates workspaces for benchmarks: packages in layers,
// each made from packages of the layer below, declared for Stowage and, as the
// same graph, for docker buildx bake. The same shape gives the same files,
// byte for byte.
package monorepo
