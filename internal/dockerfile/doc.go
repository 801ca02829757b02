// Package dockerfile reads image names out of Dockerfiles, by BuildKit's own
// parser and by the rules of its Dockerfile frontend: which ARGs apply where,
// which stages a target reaches, what a stage's name or a named context hides,
// for which platform each image is needed, what ONBUILD adds.
//
// It builds nothing and asks no registry: the ONBUILD instructions of base
// images are known only if they are given.
//
// The rules are those of frontend/dockerfile/dockerfile2llb/convert.go in
// BuildKit, whose order of steps this package keeps, so that the two can be
// read side by side: globals (globals.go), stages and their bases (stages.go),
// what instructions copy and mount from (commands.go), then what the target
// reaches (reach.go). Start with Analyzer.Analyze.
package dockerfile
