// Command steady measures runs that find nothing, or little, to do, in
// generated workspaces of up to thousands of packages, beside docker buildx
// bake. Bake has to build them all once before; what Stowage finds in its store
// and in the registry was made without building (package images), since how it
// got there makes no difference.
//
// Packages copy files and run nothing, which is the best case for bake, or with
// -run have a RUN instruction each. They are for one platform. Runs of Stowage that have nothing to do are given a
// builder that does not exist: one that they asked for anything would fail them.
//
// It needs root, runc and docker-registry, and busybox-static with -run.
package main
