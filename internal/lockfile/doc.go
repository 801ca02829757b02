// Package lockfile reads and writes stowage.lock.hcl, which pins images that
// are not the workspace's by digest.
//
// It knows the file's form and nothing of registries or of what packages use:
// what is in the file is decided by its callers.
//
// Start at Read and Write; Parse and Format do the same without a disk.
package lockfile
