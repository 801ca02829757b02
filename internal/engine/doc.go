// Package engine runs the embedded BuildKit: this very program, executed again
// as a daemon that owns a unix socket.
//
// One engine serves all runs on one store. The first that needs it starts it
// (Ensure); it goes on when that run ends and stops by itself once no
// connection has been open for a while. It lives in a process tree of three:
//
//	the starter       any stowage process; need not outlive the start
//	└ init            process 1 of a new pid namespace, in new mount and ipc
//	                  namespaces: reaps, forwards SIGTERM
//	  └ serve         BuildKit's control API on the socket
//
// When init or serve dies, whatever the way, the kernel ends all processes of
// the pid namespace and unmounts what is in the mount namespace: a build
// cannot leak either. BuildKit's API is the only boundary. Everything here is
// about starting and stopping; internal/buildkit talks to the socket.
//
// Start with Ensure in client.go and Main in child.go.
package engine
