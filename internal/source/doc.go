// Package source reads a workspace's files: the exact set of files that each
// build context consists of, their digests, and what git says about them.
//
// In a git work tree a context is what git tracks and what it neither tracks
// nor ignores, as far as it is on disk; elsewhere it is everything. Git is
// asked for the whole workspace at once, never for one context. What is
// ignored by .dockerignore, the configuration's source blocks, symlinks and
// directories that end up empty are handled as BuildKit does.
//
// It knows nothing of builders: who sends a set checks the digests again.
// Start with Tree.Set in tree.go, then set.go (how a set is put together),
// list.go (which files there are), scan.go (which of them are taken) and disk.go
// (their content). Revision, in revision.go, does the same for a commit, from
// git's objects.
package source
