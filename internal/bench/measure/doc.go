// Package measure runs processes, and sums up what repeated runs of them used.
// It decides nothing: which programs are compared, and in which order, is up
// to the caller.
package measure
