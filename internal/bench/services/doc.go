// Package services starts what images are built and kept by, for
// measurements: a BuildKit daemon whose use of the machine can be read, and a
// registry whose requests and bytes are counted. Both end with the process that
// started them.
package services
