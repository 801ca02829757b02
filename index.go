package stowage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/planner"
)

// assembler is a registry that puts indexes together.
type assembler interface {
	Assemble(ctx context.Context, ref, hash string, how registry.Assembly) (ocispec.Descriptor, error)
}

// assembled is how many indexes are put together at once. The registry adapter
// has its own limit for each registry.
const assembled = 16

// AssembledIndex is an index that AssembleIndexes has written, or that was
// there.
type AssembledIndex struct {
	Package string `json:"package"`
	Ref     string `json:"ref"`
	Digest  string `json:"digest"`
}

// IndexOptions shape what AssembleIndexes does.
type IndexOptions struct {
	// Platforms are those that must be there, SkipPlatforms those that need
	// not; none is all of a package's. What an index has already stays.
	Platforms, SkipPlatforms []string
	// Force puts what is under per-platform tags in the place of what an index
	// has.
	Force bool
}

// only are the platforms of a package that are asked for.
func (o IndexOptions) only(p *planner.Package) []string {
	return slices.DeleteFunc(slices.Clone(p.Platforms), func(platform string) bool {
		return len(o.Platforms) > 0 && !slices.Contains(o.Platforms, platform) || slices.Contains(o.SkipPlatforms, platform)
	})
}

// AssembleIndexes writes the indexes of the packages with the names from the
// per-platform tags that machines have pushed, and beside each the inputs of
// its package, as a push does. An index that lacks a platform is an error; those
// of other packages are written all the same. Packages of which no platform is
// asked for are left out.
func (w *Workspace) AssembleIndexes(ctx context.Context, names []string, opts IndexOptions) ([]AssembledIndex, error) {
	r, err := w.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	remote, err := w.Registry()
	if err != nil {
		return nil, err
	}
	a, ok := remote.(assembler)
	if !ok {
		return nil, errors.New("this registry cannot put indexes together")
	}
	out, errs := make([]AssembledIndex, len(names)), make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(assembled)
	for i, name := range names {
		g.Go(func() error {
			out[i], errs[i] = assemble(ctx, a, r.Package(name), opts)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return out, errors.Join(errs...)
}

func assemble(ctx context.Context, a assembler, p *planner.Package, opts IndexOptions) (AssembledIndex, error) {
	only := opts.only(p)
	if len(only) == 0 {
		return AssembledIndex{}, nil
	}
	desc, err := a.Assemble(ctx, p.Ref(), p.Hash, registry.Assembly{Platforms: p.Platforms, Only: only, Overwrite: opts.Force})
	if err == nil {
		err = attachInputs(ctx, a, p, desc)
	}
	if err != nil {
		return AssembledIndex{}, fmt.Errorf("package %s: %w", p.Name, err)
	}
	return AssembledIndex{Package: p.Name, Ref: p.Ref(), Digest: desc.Digest.String()}, nil
}

// attachInputs keeps a package's inputs beside its index, so that other machines
// can say what has changed since.
func attachInputs(ctx context.Context, a assembler, p *planner.Package, index ocispec.Descriptor) error {
	attacher, ok := a.(executor.Attacher)
	if !ok || p.Inputs == nil {
		return nil
	}
	data, err := json.Marshal(p.Inputs)
	if err != nil {
		return fmt.Errorf("keep the inputs: %w", err)
	}
	return attacher.Attach(ctx, p.Ref(), index, planner.InputsType, data)
}
