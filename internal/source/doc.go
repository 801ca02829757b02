// Package source reads a workspace's files: the exact set of files that each
// build context consists of, their digests, and what git says about them.
//
// In a git work tree a context is what git tracks and what it neither tracks
// nor ignores, as far as it is on disk; elsewhere it is everything. Git is
// asked once for the whole workspace. Start with Tree.
package source
