// Command disk looks at what BuildKit's directory takes after each of many runs
// with a change: of Stowage with its embedded builder, of Stowage with a daemon
// as it is shipped, and of docker buildx bake with such a daemon. It fails when
// the embedded builder's grows by more than a limit a run: what a run leaves is
// what it has built, and not a record of everything that it looked at.
//
// It needs root, runc, docker-registry and busybox-static.
package main
