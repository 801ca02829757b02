// Command big follows the bytes of one large image of incompressible layers:
// from files to the store, from there to a registry, and to a second repository
// of that registry. For each it says what Stowage, the BuildKit daemon and the
// registry have read and written, as multiples of the image's size, beside the
// least that there could be. Reads and writes are those of files and sockets
// alike. It needs root, runc and docker-registry.
package main
