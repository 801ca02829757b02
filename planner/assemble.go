package planner

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/stowage-build/stowage/graph"
)

// plan assembles the plan from its steps.
func (m *maker) plan(steps []Step) (*Plan, error) {
	waves, err := assignWaves(steps)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		FormatVersion: FormatVersion, StowageVersion: m.opts.Version, CreatedAt: m.opts.Now.UTC(),
		Workspace: WorkspaceInfo{
			Name: m.r.Workspace.Name, Registry: m.r.Workspace.Registry, Revision: m.opts.Revision,
		},
		Selection: nonNil(m.opts.Packages), Options: m.opts.Shown,
		Packages: m.packages(), Steps: steps, Waves: waves,
		Complete:    !m.partial,
		Diagnostics: nonNil(slices.Concat(m.unlocked(), m.notes(), m.diags)),
	}
	if p.Options == nil {
		p.Options = map[string]any{}
	}
	for _, info := range p.Packages {
		p.Workspace.Dirty = p.Workspace.Dirty || info.Dirty
	}
	p.Summary = summarise(steps)
	p.Errored = slices.ContainsFunc(p.Diagnostics, func(d Diagnostic) bool { return d.Severity == "error" })
	p.Applyable = p.ToDo() > 0 && !p.Errored
	return p, estimate(p)
}

// ToDo is how many steps the plan has that are not done already.
func (p *Plan) ToDo() int {
	return len(p.Steps) - p.Summary.ReuseStore - p.Summary.ReuseRegistry
}

// Package returns the package with the name, or nil.
func (p *Plan) Package(name string) *PackageInfo {
	i, ok := slices.BinarySearchFunc(p.Packages, name, func(a PackageInfo, name string) int {
		return cmp.Compare(a.Name, name)
	})
	if !ok {
		return nil
	}
	return &p.Packages[i]
}

// packages lists the packages with a node in the plan, sorted by name.
func (m *maker) packages() []PackageInfo {
	out := []PackageInfo{}
	for _, p := range m.r.Packages {
		if m.images[p.Name] == nil {
			continue
		}
		out = append(out, p.Info())
	}
	return out
}

// Info describes the package as plans do.
func (p *Package) Info() PackageInfo {
	var deps []string
	for _, e := range p.Edges {
		deps = append(deps, e.To)
	}
	slices.Sort(deps)
	return PackageInfo{
		Name: p.Name, Image: p.Repository, Tag: p.Tag, Ref: p.Ref(), Hash: p.Hash,
		Platforms: p.Platforms, Dirty: p.Dirty, Dependencies: nonNil(slices.Compact(deps)),
	}
}

// notes are the resolver's remarks about packages that are in the plan.
func (m *maker) notes() []Diagnostic {
	out := []Diagnostic{}
	for _, n := range m.r.Notes {
		if n.Package == "" || m.images[n.Package] != nil {
			out = append(out, n)
		}
	}
	return out
}

// assignWaves sets each step's wave, sorts the steps, and returns the waves.
// Reused nodes are wave 0; a step is one wave after the last that it needs.
func assignWaves(steps []Step) ([][]string, error) {
	g := graph.New()
	reused := map[string]bool{}
	for _, s := range steps {
		if s.Kind == KindReuse {
			reused[s.ID] = true
		}
	}
	for _, s := range steps {
		if reused[s.ID] {
			continue
		}
		g.AddNode(s.ID)
		for _, need := range s.Needs {
			if !reused[need] {
				g.AddEdge(s.ID, need)
			}
		}
	}
	waves, err := g.Waves()
	if err != nil {
		return nil, fmt.Errorf("order the plan's steps: %w", err)
	}
	wave := map[string]int{}
	for i, ids := range waves {
		for _, id := range ids {
			wave[id] = i + 1
		}
	}
	for i := range steps {
		steps[i].Wave = wave[steps[i].ID]
	}
	slices.SortFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.ID, b.ID))
	})
	return nonNil(waves), nil
}

func summarise(steps []Step) Summary {
	var sum Summary
	for _, s := range steps {
		switch s.Kind {
		case KindBuild:
			sum.Build++
		case KindReuse:
			if s.FoundIn == "store" {
				sum.ReuseStore++
			} else {
				sum.ReuseRegistry++
			}
		case KindPull:
			sum.Pull++
		case KindIndex:
			sum.Index++
		case KindPush:
			sum.Push++
		case KindTag:
			sum.Tag++
		case KindLoad:
			sum.Load++
		}
	}
	return sum
}

// estimate sets the plan's expected duration: the longest path through the
// builds. One that has never been timed counts for nothing.
func estimate(p *Plan) error {
	p.CriticalPath = []string{}
	if !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.EstimateMS > 0 }) {
		return nil
	}
	g := graph.New()
	byID := map[string]*Step{}
	for i, s := range p.Steps {
		byID[s.ID] = &p.Steps[i]
		g.AddNode(s.ID)
		for _, need := range s.Needs {
			g.AddEdge(s.ID, need)
		}
	}
	path, total, err := g.CriticalPath(func(id string) int64 { return byID[id].EstimateMS })
	if err != nil {
		return fmt.Errorf("find the critical path: %w", err)
	}
	p.EstimateMS = total
	for _, id := range path {
		if s := byID[id]; s.Kind == KindBuild && !slices.Contains(p.CriticalPath, s.Package) {
			p.CriticalPath = append(p.CriticalPath, s.Package)
		}
	}
	return nil
}

func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
