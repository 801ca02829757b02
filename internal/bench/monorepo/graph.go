package monorepo

import (
	"cmp"
	"fmt"
	"math/rand/v2"
)

// Shape is what a generated workspace looks like.
type Shape struct {
	Packages int
	// Layers is the depth of the graph. The packages are dealt out evenly.
	Layers int
	// Each package depends on MinDeps to MaxDeps packages of the layer below,
	// or on all of them where there are fewer.
	MinDeps, MaxDeps int
	// Files is how many files a package has, its Dockerfile included and its
	// stowage.hcl not.
	Files int
	// Registry is the prefix of all images; "" is one that nobody asks.
	Registry string
	// Platforms of all packages; none is two of them.
	Platforms []string
	// Program, when it is set, is a static busybox that every package's one RUN
	// instruction runs.
	Program []byte
}

func (s Shape) registry() string { return cmp.Or(s.Registry, "registry.example.com/bench") }

func (s Shape) platforms() []string {
	if len(s.Platforms) > 0 {
		return s.Platforms
	}
	return []string{"linux/amd64", "linux/arm64"}
}

// Usual is the shape that sizes are compared in.
func Usual(packages int) Shape {
	return Shape{Packages: packages, Layers: 8, MinDeps: 1, MaxDeps: 3, Files: 10}
}

// Package is one package of a workspace.
type Package struct {
	Name string
	// Needs are the packages that it is made from: indexes into the graph.
	Needs []int
}

// Graph returns the packages, each after those that it needs.
func (s Shape) Graph() []Package {
	random := rand.New(rand.NewPCG(uint64(s.Packages), uint64(s.Layers)))
	packages := make([]Package, s.Packages)
	for layer := range s.Layers {
		start, end := s.start(layer), s.start(layer+1)
		for i := start; i < end; i++ {
			packages[i].Name = fmt.Sprintf("p%05d", i)
			if layer > 0 {
				packages[i].Needs = s.needs(random, s.start(layer-1), start)
			}
		}
	}
	return packages
}

// start is the first package of a layer.
func (s Shape) start(layer int) int { return layer * s.Packages / s.Layers }

// needs picks some of the packages from start up to end.
func (s Shape) needs(random *rand.Rand, start, end int) []int {
	size := end - start
	if size == 0 {
		return nil
	}
	first := random.IntN(size)
	count := min(s.MinDeps+random.IntN(s.MaxDeps-s.MinDeps+1), size)
	needs := make([]int, count)
	for i := range needs {
		needs[i] = start + (first+i)%size
	}
	return needs
}

// Edges counts the edges of a graph.
func Edges(packages []Package) int {
	n := 0
	for _, p := range packages {
		n += len(p.Needs)
	}
	return n
}
