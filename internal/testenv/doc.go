// Package testenv is what end-to-end tests stand on: real registries
// (Registry), a base image that needs no pull (package baseimage), and a look
// at what a directory is still used by (Users), to find processes and mounts
// that were left behind. Setup and Commands bring all of it into testscript
// scripts; start there.
//
// The programs it runs come from .ci/setup. A test that lacks one fails and
// says so; nothing is skipped.
package testenv
