// Command lookups looks up the tags of thousands of packages in a registry:
// with the adapter that plans use, with a bare HTTP client that reads each
// answer and does nothing with it, and by whole plans. Clients have as many
// connections each, and are processes of their own.
//
// There are two registries: docker-registry, which is the slower part by far,
// and a server that has one answer to everything, which shows what the client
// itself takes. It needs docker-registry.
package main
