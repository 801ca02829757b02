package stowage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/internal/importer"
	"github.com/stowage-build/stowage/internal/source"
)

// ImportKind is what a configuration is made from.
type ImportKind string

// The kinds of imports.
const (
	// FromLinuxKit reads the build.yml files of linuxkit pkg build.
	FromLinuxKit ImportKind = "linuxkit"
	// FromBake reads the files of docker buildx bake.
	FromBake ImportKind = "bake"
	// FromDir finds Dockerfiles.
	FromDir ImportKind = "dir"
)

// Imported is a configuration made from another system's files. Nothing has
// been written yet.
type Imported struct {
	importer.Result
	root string
}

// Import makes a configuration for the workspace with the root dir. Paths are
// relative to dir: directories to look in, or files to read; none is dir
// itself.
func Import(ctx context.Context, dir string, kind ImportKind, paths []string) (*Imported, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	tree, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	defer tree.Close()
	sources, err := source.New(root, source.Options{})
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	trees := &headTrees{sources: sources}
	defer trees.close()
	opts := importer.Options{
		Root: tree.FS(), RootPath: root, Name: filepath.Base(root),
		Sources: sources, Dockerfiles: dockerfile.Analyzer{},
	}
	revision, err := sources.Revision(ctx)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if revision != "" {
		opts.Trees = trees
	}
	if paths, err = below(root, paths); err != nil {
		return nil, err
	}
	var result *importer.Result
	switch kind {
	case FromLinuxKit:
		result, err = importer.LinuxKit(ctx, opts, paths)
	case FromBake:
		result, err = importer.Bake(ctx, opts, paths)
	case FromDir:
		result, err = importer.Dir(ctx, opts, paths)
	default:
		return nil, fmt.Errorf("import: there is nothing to import from %q", kind)
	}
	if err != nil {
		return nil, err
	}
	return &Imported{*result, root}, nil
}

// below makes paths relative to the root, with slashes.
func below(root string, paths []string) ([]string, error) {
	if len(paths) == 0 {
		return []string{"."}, nil
	}
	var out []string
	for _, p := range paths {
		full := p
		if !filepath.IsAbs(p) {
			full = filepath.Join(root, p)
		}
		rel, err := filepath.Rel(root, full)
		if err != nil || !filepath.IsLocal(rel) {
			return nil, fmt.Errorf("%s is outside of %s, which is to be the workspace's root; begin there with -C", p, root)
		}
		out = append(out, filepath.ToSlash(rel))
	}
	return out, nil
}

// Write writes the files that are not there as they should be, and returns
// their paths, relative to the root. Files with other content are an error
// that names them all, unless force is set; nothing is written then.
func (i *Imported) Write(force bool) ([]string, error) {
	tree, err := os.OpenRoot(i.root)
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	defer tree.Close()
	return i.Result.Write(tree, force)
}
