package main

import (
	"context"
	"fmt"

	"github.com/stowage-build/stowage/internal/bench/measure"
	"github.com/stowage-build/stowage/internal/bench/monorepo"
)

// measureSizes compares all programs on workspaces of more and more packages.
func (b *bench) measureSizes(ctx context.Context) error {
	var results []result
	for _, n := range b.sizes {
		programs := []program{cold, warm, floor, hashing}
		if n <= b.bake {
			programs = append(programs, bake)
		}
		res, err := b.measure(ctx, monorepo.Usual(n), programs)
		if err != nil {
			return fmt.Errorf("%d packages: %w", n, err)
		}
		results = append(results, res)
	}
	if len(results) == 0 {
		return nil
	}
	b.heading("Packages", "10 files each, two platforms, 8 layers, 1 to 3 dependencies.")
	b.programs(results, func(r result) string { return fmt.Sprintf("%d (%d edges)", r.shape.Packages, r.edges) })
	b.ratios(results)
	x := func(r result) float64 { return float64(r.shape.Packages) }
	b.fits("package", results, x, cold, warm)
	return nil
}

// ratios prints what the aims are about.
func (b *bench) ratios(results []result) {
	b.row("packages", "warm / git", "cold / read and hash", "bake / warm", "KiB a package, cold", "KiB a package, warm")
	b.rule(6)
	for _, r := range results {
		each := func(p program) string {
			return fmt.Sprintf("%.0f", measure.SpreadOf(r.values(p, mib)).Median*1024/float64(r.shape.Packages))
		}
		b.row(fmt.Sprint(r.shape.Packages), r.ratioText(warm, floor), r.ratioText(cold, hashing), r.ratioText(bake, warm), each(cold), each(warm))
	}
}

func (r result) ratioText(p, by program) string {
	if s, ok := r.ratio(p, by); ok {
		return s.String()
	}
	return "–"
}

// measureEdges plans 1,000 packages with more and more dependencies.
func (b *bench) measureEdges(ctx context.Context) error {
	var results []result
	for _, deps := range b.edges {
		s := monorepo.Usual(1000)
		s.MinDeps, s.MaxDeps = deps, deps
		res, err := b.measure(ctx, s, []program{cold, warm})
		if err != nil {
			return fmt.Errorf("%d dependencies: %w", deps, err)
		}
		results = append(results, res)
	}
	if len(results) == 0 {
		return nil
	}
	b.heading("Edges", "1,000 packages, 8 layers.")
	b.programs(results, func(r result) string { return fmt.Sprintf("%d edges", r.edges) })
	b.fits("edge", results, func(r result) float64 { return float64(r.edges) }, cold, warm)
	return nil
}

// measureDepths plans graphs of 240 packages that are deeper and deeper, the
// last once more with every package depending on all of the layer below.
func (b *bench) measureDepths(ctx context.Context) error {
	var shapes []monorepo.Shape
	for _, depth := range b.depths {
		shapes = append(shapes, monorepo.Shape{Packages: 240, Layers: depth, MinDeps: 1, MaxDeps: 3, Files: 10})
	}
	if len(shapes) == 0 {
		return nil
	}
	dense := shapes[len(shapes)-1]
	dense.MinDeps, dense.MaxDeps = dense.Packages, dense.Packages
	var results []result
	for _, s := range append(shapes, dense) {
		res, err := b.measure(ctx, s, []program{cold, warm, bake})
		if err != nil {
			return fmt.Errorf("depth %d: %w", s.Layers, err)
		}
		results = append(results, res)
	}
	b.heading("Depth", "240 packages, 1 to 3 dependencies, the last with all of the layer below.")
	b.programs(results, func(r result) string { return fmt.Sprintf("depth %d (%d edges)", r.shape.Layers, r.edges) })
	b.fits("layer", results[:len(shapes)], func(r result) float64 { return float64(r.shape.Layers) }, cold, warm)
	return nil
}
