// Package buildkit builds on any BuildKit daemon, the embedded one included:
// it turns an executor.BuildRequest into one solve and the daemon's status
// stream into progress.
//
// What reaches the daemon is exactly the request. The context is served from
// the request's list of files, with fixed owners, modes and times, and each
// file's content is checked against its digest while it is sent; dependencies
// come from the store, pinned by digest and platform; the image goes straight
// into the store. Start with Client.Build.
package buildkit
