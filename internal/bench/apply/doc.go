// Command apply compares what it takes Stowage and docker buildx bake to build
// and push generated workspaces: from nothing, with nothing to do, and after
// small changes. Each program has a BuildKit daemon and a registry of its own,
// with the same settings; they run in turn, and every request to a registry is
// counted. It needs root, runc, docker-registry and busybox-static.
//
// Bake is measured tuned (no build history, no questions to git, no
// attestations) and, with -default, as it is shipped.
package main
