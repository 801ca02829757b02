// Command plan measures stowage plan on generated workspaces, beside what
// bounds it: the git commands that any planner must run, a program that only
// reads and hashes the same files, and docker buildx bake --print on the same
// graph. All are processes, run in turn, so that each ratio is of two runs of
// one round.
//
// It is small, and links neither Stowage nor BuildKit: a process's peak memory
// includes its parent's.
package main
