package importer

import (
	"cmp"
	"fmt"
	"io/fs"
	"slices"

	"github.com/stowage-build/stowage/planner"
)

// Options are what an import needs.
type Options struct {
	// Root is the workspace's root directory. It must not follow symlinks out
	// of it: use os.Root.FS. RootPath is where it is on disk, "" if unknown:
	// absolute paths below it are understood.
	Root     fs.FS
	RootPath string
	// Name is the workspace's name, made fit for one if it is not.
	Name string
	// Trees knows the tree objects of HEAD; nil is outside git.
	Trees planner.Trees
	// Sources reads the files of packages, so that what is made can be checked.
	Sources planner.Sources
	// Dockerfiles reads image names out of Dockerfiles.
	Dockerfiles planner.Dockerfiles
}

// Result is a configuration.
type Result struct {
	// Files are sorted by path.
	Files []File
	// Notes are in the order of files and lines.
	Notes []Note
}

// File is one file of the configuration. Path is slash-separated and relative
// to the root.
type File struct {
	Path    string
	Content []byte
}

// Note is something to know about the result: mostly what could not be carried
// over.
type Note struct {
	// File is relative to the root, or "" for the whole; Line begins at 1, and
	// is 0 for the whole file.
	File string
	Line int
	Text string
}

// String is file:line: text.
func (n Note) String() string {
	switch {
	case n.File == "":
		return n.Text
	case n.Line == 0:
		return fmt.Sprintf("%s: %s", n.File, n.Text)
	}
	return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text)
}

// position is where something was said in the files that are imported.
type position struct {
	file string
	line int
}

// notes collects notes.
type notes []Note

func (n *notes) add(at position, format string, args ...any) {
	*n = append(*n, Note{at.file, at.line, fmt.Sprintf(format, args...)})
}

// sorted are the notes in the order of files and lines, each once.
func (n notes) sorted() []Note {
	seen := map[Note]bool{}
	var out []Note
	for _, note := range n {
		if !seen[note] {
			seen[note] = true
			out = append(out, note)
		}
	}
	slices.SortStableFunc(out, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return out
}
