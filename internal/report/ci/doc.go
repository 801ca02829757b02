// Package ci turns a plan into jobs that other machines run: a matrix for
// GitHub Actions, a child pipeline for GitLab.
//
// A job is a command line of stowage apply. Jobs share nothing but the
// registry: each pushes what it has built under per-platform tags, and when all
// are done a last one writes the indexes and moves the moving tags. Builds that
// need each other are in one job (SplitGraph), or in jobs of which those of one
// wave begin when those before have ended (SplitWaves).
//
// Start with Split in jobs.go.
package ci
