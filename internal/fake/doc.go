// Package fake has stand-ins, in memory, for what is outside: for tests of
// the packages that use it.
//
// Store and Registry are the catalogs. They pass the same conformance tests
// as the layout and the registry adapter do, so what holds with them holds
// with the real ones, apart from time and trouble. Trouble is made by their
// Fail functions and by RemoveBlob. Builder is a builder that passes those of
// BuildKit's client: it copies files and runs a handful of commands.
//
// Start at WriteImage, which makes the image that a builder would.
package fake
