// Package importer writes Stowage's configuration for repositories that are
// built otherwise: by linuxkit pkg build, by docker buildx bake, or by a
// Dockerfile here and there.
//
// It reads files and returns files: nothing is built, run or written, and no
// registry is asked. What it returns is formatted and loads without a mistake;
// what it could not carry over is in the notes, each with the file and line
// that said it.
//
// Each way in reads its files and adds blocks to a workspace (workspace.go),
// made of nodes that remember where they come from (node.go). Workspace.settle
// then loads the result, and takes out what this version's schema refuses
// (settle.go). Start reading at LinuxKit in linuxkit.go, Dir in dir.go or Bake
// in bake.go.
package importer
