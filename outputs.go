package stowage

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/unpack"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// WrittenOutput is an output that was written.
type WrittenOutput struct {
	Package string
	Type    string
	// Path is absolute.
	Path      string
	Platforms []string
}

// WriteOutputs writes the outputs of the packages that the plan selected and
// whose steps succeeded, from the images in the store: whether a run built them
// or found them makes no difference. What was written is returned with errors
// about what was not.
func (w *Workspace) WriteOutputs(ctx context.Context, plan *planner.Plan, result *executor.Result) ([]WrittenOutput, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	undone := undoneSteps(result)
	var out []WrittenOutput
	var errs []error
	for _, name := range plan.Selection {
		p := r.Package(name)
		if p == nil || len(p.Outputs) == 0 || slices.ContainsFunc(undone, func(s planner.Step) bool {
			return s.Package == name && s.Kind != planner.KindTag && s.Kind != planner.KindPush
		}) {
			continue
		}
		written, err := w.outputsOf(ctx, p, platformsOf(plan, p))
		out = append(out, written...)
		errs = append(errs, err)
	}
	return out, errors.Join(errs...)
}

// platformsOf are the platforms of a package that a plan is about, in the
// package's order.
func platformsOf(plan *planner.Plan, p *planner.Package) []string {
	return slices.DeleteFunc(slices.Clone(p.Platforms), func(platform string) bool {
		return !slices.ContainsFunc(plan.Steps, func(s planner.Step) bool { return s.Package == p.Name && s.Platform == platform })
	})
}

func (w *Workspace) outputsOf(ctx context.Context, p *planner.Package, wanted []string) ([]WrittenOutput, error) {
	store, err := w.Store()
	if err != nil {
		return nil, err
	}
	image, err := store.Lookup(ctx, p.Ref())
	if err != nil {
		return nil, err
	}
	var images []platformImage
	for _, platform := range wanted {
		desc, ok := ocispec.Descriptor{}, false
		if image != nil {
			desc, ok = image.Manifests[platform]
		}
		if !ok {
			return nil, fmt.Errorf("write the outputs of %s: the store does not have it for %s", p.Name, platform)
		}
		images = append(images, platformImage{platform, desc})
	}
	o := &outputter{store: store, ref: p.Ref(), images: images, platforms: p.Platforms}
	var out []WrittenOutput
	var errs []error
	for _, output := range p.Outputs {
		dest := filepath.FromSlash(output.Dest)
		if !filepath.IsAbs(dest) {
			dest = filepath.Join(w.root, dest)
		}
		if err := o.write(ctx, output, dest); err != nil {
			errs = append(errs, fmt.Errorf("write the output %s of %s: %w", output.Dest, p.Name, err))
			continue
		}
		out = append(out, WrittenOutput{Package: p.Name, Type: output.Type, Path: dest, Platforms: wanted})
	}
	return out, errors.Join(errs...)
}

// platformImage is a package's image for one platform.
type platformImage struct {
	platform string
	manifest ocispec.Descriptor
}

// outputter writes one package's outputs.
type outputter struct {
	store  Store
	ref    string
	images []platformImage
	// platforms are all that the package has.
	platforms []string
}

// exporter is a store that writes archives of images.
type exporter interface {
	Export(ctx context.Context, w io.Writer, patterns []string, opts layout.ExportOptions) ([]layout.ArchivedImage, error)
}

func (o *outputter) write(ctx context.Context, output schema.Output, dest string) error {
	switch output.Type {
	case "local":
		return o.directories(ctx, dest)
	case "tar":
		return writeFile(dest, func(f io.Writer) error { return o.tar(ctx, f) })
	case "oci":
		var all []string
		for _, image := range o.images {
			all = append(all, image.platform)
		}
		return o.archive(ctx, dest, layout.ExportOptions{Format: FormatOCI, Platforms: all})
	}
	names := schema.Output{Type: output.Type, Dest: dest}.Paths(o.platforms)
	for _, image := range o.images {
		name := names[0]
		if len(names) > 1 {
			name = names[slices.Index(o.platforms, image.platform)]
		}
		if err := o.archive(ctx, name, layout.ExportOptions{Format: FormatDocker, Platforms: []string{image.platform}}); err != nil {
			return err
		}
	}
	return nil
}

// below is where a platform's files go among those of several.
func (o *outputter) below(platform string) string {
	if len(o.platforms) == 1 {
		return ""
	}
	return strings.ReplaceAll(platform, "/", "_")
}

func (o *outputter) directories(ctx context.Context, dest string) error {
	for _, image := range o.images {
		if err := unpack.Directory(ctx, filepath.Join(dest, o.below(image.platform)), o.store.Content(), image.manifest); err != nil {
			return err
		}
	}
	return nil
}

func (o *outputter) tar(ctx context.Context, f io.Writer) error {
	t := tar.NewWriter(f)
	for _, image := range o.images {
		prefix := o.below(image.platform)
		if prefix != "" {
			prefix += "/"
		}
		if err := unpack.Tar(ctx, t, o.store.Content(), image.manifest, prefix); err != nil {
			return err
		}
	}
	return t.Close()
}

func (o *outputter) archive(ctx context.Context, dest string, opts layout.ExportOptions) error {
	store, ok := o.store.(exporter)
	if !ok {
		return errors.New("the caller's own store writes no archives")
	}
	return writeFile(dest, func(f io.Writer) error {
		_, err := store.Export(ctx, f, []string{o.ref}, opts)
		return err
	})
}

// writeFile writes a file as a whole: until it is complete, what was there
// stays.
func writeFile(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // is gone by then, or is to go
	if err := errors.Join(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
