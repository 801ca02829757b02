package importer

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// overlay is a file system with files that are not there yet, or other content
// of some that are.
type overlay struct {
	fs.FS
	files map[string][]byte
}

var (
	_ fs.ReadDirFS = (*overlay)(nil)
	_ fs.StatFS    = (*overlay)(nil)
)

// Open is fs.FS's.
func (o *overlay) Open(name string) (fs.File, error) {
	content, ok := o.files[name]
	if !ok {
		return o.FS.Open(name)
	}
	return &openFile{Reader: bytes.NewReader(content), info: fileInfo{path.Base(name), int64(len(content))}}, nil
}

// Stat is fs.StatFS's.
func (o *overlay) Stat(name string) (fs.FileInfo, error) {
	if content, ok := o.files[name]; ok {
		return fileInfo{path.Base(name), int64(len(content))}, nil
	}
	return fs.Stat(o.FS, name)
}

// ReadDir is fs.ReadDirFS's.
func (o *overlay) ReadDir(dir string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(o.FS, dir)
	if err != nil {
		return nil, err
	}
	for name, content := range o.files {
		if path.Dir(name) == dir {
			entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return e.Name() == path.Base(name) })
			entries = append(entries, fs.FileInfoToDirEntry(fileInfo{path.Base(name), int64(len(content))}))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

type openFile struct {
	*bytes.Reader
	info fileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// fileInfo describes a regular file.
type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return 0o644 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
