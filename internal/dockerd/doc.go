// Package dockerd loads images of the store into a container engine by the API
// of Docker, which Podman serves too.
//
// Open finds the engine as the docker command does (endpoint.go) and sees that
// it answers. Daemon.Load gives it images (daemon.go), as one archive each that
// is both an OCI layout and what docker load has always read
// (internal/imagearchive).
package dockerd
