// Package registry is the remote side: it looks up, pulls, pushes and tags
// images in OCI registries.
//
// A Registry is the executor's Registry, for all hosts at once. References,
// credentials and the authentication handshake are go-containerregistry's;
// requests are made here, since the number of them is what a plan over
// thousands of packages costs:
//
//   - each host is pinged once, and each token is fetched once for a
//     repository and an action;
//   - a lookup is one GET of the index, and so is a push of what is there;
//   - blobs go up in one POST and one PUT, or are mounted from a repository
//     of the same host that is known to have them, or, by what the store has,
//     may have.
//
// Every request passes, from the outside in: authentication, user agent,
// the memory of pings, retries, the host's limits, and a connection pool that
// hosts share.
//
// It does not decide what is pushed, and it knows of the store only what the
// interface Store says.
//
// Start at New, then push.go.
package registry
