// Package web renders plans and runs as HTML pages: one self-contained file
// each, which asks no network, for browsers and screen readers.
//
// A page is a frame (assets/page.html), its style, its scripts, and the data
// as JSON. Everything that takes thought is done here: which nodes there are
// and how they hang together (nodes.go), where they are drawn (layout.go), what
// happened in a run (run.go). The scripts draw, filter and show details. They
// insert text as text only, and the page's own policy lets nothing else run.
//
// Start with Plan and Run in page.go.
package web
