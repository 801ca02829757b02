package importer

import (
	"bytes"
	"io/fs"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// contextOf finds the directory that a Dockerfile's COPY and ADD instructions
// are written for: its own, or the nearest above that has all that they name.
func contextOf(fsys fs.FS, file string, content []byte) string {
	sources := copiedFiles(content)
	own := path.Dir(file)
	for dir := own; ; dir = path.Dir(dir) {
		if hasAll(fsys, dir, sources) {
			return dir
		}
		if dir == "." {
			return own // what is missing is made by other means
		}
	}
}

func hasAll(fsys fs.FS, dir string, names []string) bool {
	for _, name := range names {
		if _, err := fs.Stat(fsys, path.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// copiedFiles are the files and directories that a Dockerfile copies from its
// context, as far as they are named literally.
func copiedFiles(content []byte) []string {
	parsed, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		return nil // it has been parsed before
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil
	}
	var out []string
	for _, s := range stages {
		for _, c := range s.Commands {
			switch cmd := c.(type) {
			case *instructions.CopyCommand:
				if cmd.From == "" {
					out = append(out, cmd.SourcePaths...)
				}
			case *instructions.AddCommand:
				out = append(out, cmd.SourcePaths...)
			}
		}
	}
	var literal []string
	for _, name := range out {
		name = strings.TrimLeft(name, "/")
		if name != "" && !strings.ContainsAny(name, "*?[$\\") && !strings.Contains(name, "://") && !strings.HasPrefix(name, "git@") && fs.ValidPath(path.Clean(name)) {
			literal = append(literal, path.Clean(name))
		}
	}
	return literal
}
