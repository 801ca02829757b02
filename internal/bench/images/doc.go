// Package images makes images of packages without building them, so that a
// store and a registry of thousands can be had in seconds: one small layer
// each, under the tags that a plan gives them, written into the directories in
// the forms that the image layout specification and the distribution registry's
// storage driver for file systems have. What reads them cannot tell them from
// images that were built and pushed.
package images
