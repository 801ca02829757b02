// Package baseimage makes an image that builds can start from without pulling
// one: busybox for linux/amd64 and linux/arm64, from the machine's own
// binaries, which .ci/setup installs. It is for tests and the demo; nothing of
// Stowage itself needs it.
//
// The same binaries give the same digests. Start at Index.
package baseimage
