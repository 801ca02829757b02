package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Write writes the files that are not there as they should be, and returns
// their paths. Files with other content are an error that names them all, and
// nothing is written, unless force is set.
func (r *Result) Write(root *os.Root, force bool) ([]string, error) {
	todo, conflicts, err := r.compare(root.FS())
	if err != nil {
		return nil, err
	}
	if len(conflicts) > 0 && !force {
		return nil, fmt.Errorf("these files exist with other content: %s; look at --dry-run, and write over them with --force", strings.Join(conflicts, ", "))
	}
	var written []string
	for _, f := range todo {
		if err := replace(root, f); err != nil {
			return written, fmt.Errorf("write %s: %w", f.Path, err)
		}
		written = append(written, f.Path)
	}
	return written, nil
}

// compare finds the files to write, and those of them that exist.
func (r *Result) compare(fsys fs.FS) (todo []File, conflicts []string, err error) {
	for _, f := range r.Files {
		have, err := fs.ReadFile(fsys, f.Path)
		switch {
		case err == nil && bytes.Equal(have, f.Content):
			continue
		case err == nil:
			conflicts = append(conflicts, f.Path)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("compare with what is there: %w", err)
		}
		todo = append(todo, f)
	}
	return todo, conflicts, nil
}

// replace writes a file by way of one beside it, so that an interrupt leaves
// the old content or the new.
func replace(root *os.Root, f File) error {
	tmp := f.Path + ".tmp"
	if err := root.WriteFile(tmp, f.Content, 0o644); err != nil {
		return err
	}
	if err := root.Rename(tmp, f.Path); err != nil {
		return errors.Join(err, root.Remove(tmp))
	}
	return nil
}
