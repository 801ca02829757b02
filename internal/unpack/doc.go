// Package unpack turns images into the files that a container of them would
// see: as one tar stream, or as a directory. Nothing of an image is run.
package unpack
