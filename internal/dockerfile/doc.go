// Package dockerfile reads image names out of Dockerfiles, by BuildKit's own
// parser and by the rules of its Dockerfile frontend (dockerfile2llb): which
// ARGs apply where, which stages a target reaches, what a stage's name hides.
//
// It builds nothing and asks no registry, so ONBUILD triggers of base images
// are unknown to it. Start with Analyze.
package dockerfile
