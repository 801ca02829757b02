package stowage

import (
	"context"
	"errors"
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/planner"
)

// assembler is a registry that puts indexes together.
type assembler interface {
	Assemble(ctx context.Context, ref, hash string, platforms []string) (ocispec.Descriptor, error)
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

// AssembleIndexes writes the indexes of the packages with the names from the
// per-platform tags that machines have pushed. An index that lacks a platform
// is an error; those of other packages are written all the same.
func (w *Workspace) AssembleIndexes(ctx context.Context, names []string) ([]AssembledIndex, error) {
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
			out[i], errs[i] = assemble(ctx, a, r.Package(name))
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	return out, errors.Join(errs...)
}

func assemble(ctx context.Context, a assembler, p *planner.Package) (AssembledIndex, error) {
	desc, err := a.Assemble(ctx, p.Ref(), p.Hash, p.Platforms)
	if err != nil {
		return AssembledIndex{}, fmt.Errorf("package %s: %w", p.Name, err)
	}
	return AssembledIndex{Package: p.Name, Ref: p.Ref(), Digest: desc.Digest.String()}, nil
}
