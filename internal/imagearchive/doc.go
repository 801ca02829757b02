// Package imagearchive writes images of a store into one file: what docker
// save writes, or an OCI layout. The same images give the same bytes.
package imagearchive
