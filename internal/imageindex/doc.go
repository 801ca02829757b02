// Package imageindex holds the rules for multi-platform image indexes that
// the store and the registry adapter share: which entry is which platform,
// which manifest is an attestation about which image, in what order entries
// stand, and how an index is written as bytes.
//
// It works on values only: it reads no files and asks no registry.
//
// Start at Put, which adds one platform's image to an index, and Sort.
package imageindex
