package planner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// randomTree is a workspace of up to n packages whose edges, of every kind,
// go to packages of lower numbers.
func randomTree(rng *rand.Rand, n int) tree {
	packages := map[string]string{}
	count := 1 + rng.IntN(n)
	for i := range count {
		var lines, attributes, args []string
		lines = append(lines, "FROM scratch AS start")
		attributes = append(attributes, fmt.Sprintf("revision = \"%d\"", i))
		if rng.IntN(3) == 0 && i == 0 {
			attributes = append(attributes, `extra_tags = ["latest"]`)
		}
		for j := range i {
			if rng.IntN(1+i/2) > 0 {
				continue
			}
			switch rng.IntN(6) {
			case 0:
				lines = append(lines, fmt.Sprintf("FROM registry.test/acme/p%03d", j))
			case 1:
				lines = append(lines, fmt.Sprintf("FROM --platform=$BUILDPLATFORM registry.test/acme/p%03d", j))
			case 2:
				lines = append(lines, fmt.Sprintf("COPY --from=registry.test/acme/p%03d / /", j))
			case 3:
				args = append(args, fmt.Sprintf("A%d = package.p%03d.ref", j, j))
			case 4:
				attributes = append(attributes, fmt.Sprintf("labels = { l = package.p%03d.tag }", j))
			case 5:
				attributes = append(attributes, fmt.Sprintf("depends_on = [package.p%03d]", j))
			}
		}
		attributes = unique(attributes)
		attributes = append(attributes, "args = {\n"+strings.Join(args, "\n")+"\n}", from(lines...))
		packages[fmt.Sprintf("p%03d", i)] = strings.Join(attributes, "\n")
	}
	return inline(packages)
}

// unique keeps one attribute of each name.
func unique(attributes []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(attributes, func(a string) bool {
		name, _, _ := strings.Cut(a, " ")
		defer func() { seen[name] = true }()
		return seen[name]
	})
}

// randomWorld has some nodes in the store, some in the registry, and wants
// some of the packages.
func randomWorld(t *testing.T, rng *rand.Rand, n int) *world {
	w := newWorld(t, randomTree(rng, n))
	have := rng.IntN(4)
	for _, p := range w.r.Packages {
		for _, platform := range p.Platforms {
			if rng.IntN(4) < have {
				w.store.add(p, platform)
			}
			if rng.IntN(4) < have {
				w.registry.add(p, platform)
			}
		}
	}
	w.opts.Push = rng.IntN(2) == 0
	w.opts.Packages = slices.DeleteFunc(w.opts.Packages, func(string) bool { return rng.IntN(3) == 0 })
	return w
}

// TestPlansOfRandomWorkspaces checks what holds of every plan.
func TestPlansOfRandomWorkspaces(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := randomWorld(t, rand.New(rand.NewPCG(seed, 1)), 24)
			p := w.make()
			w.checkSteps(p)
			w.checkWaves(p)
			w.apply(p)
			if again := w.make(); again.ToDo() != 0 {
				t.Errorf("after it was applied there is left to do: %v", describe(again))
			}
			if t.Failed() {
				t.Logf("plan: %s", strings.Join(describe(p), "\n"))
			}
		})
	}
}

// has reports whether either catalog has the node.
func (w *world) has(c *catalog, id string) bool {
	name, platform := planner.SplitNodeID(id)
	image := c.images[w.r.Package(name).Ref()]
	if image == nil {
		return false
	}
	_, ok := image.Manifests[platform]
	return ok
}

// checkSteps checks that what is wanted is there or built, that nothing is
// built that exists, that a build's dependencies come before it, and that
// nothing is in the plan that nothing needs.
func (w *world) checkSteps(p *planner.Plan) {
	w.tb.Helper()
	steps := map[string]planner.Step{}
	neededBy := map[string]int{}
	for _, s := range p.Steps {
		if _, twice := steps[s.ID]; twice {
			w.tb.Errorf("%s is in the plan twice", s.ID)
		}
		steps[s.ID] = s
		for _, need := range s.Needs {
			neededBy[need]++
		}
	}
	for _, s := range p.Steps {
		node := planner.NodeID(s.Package, s.Platform)
		wanted := slices.Contains(p.Selection, s.Package)
		switch s.Kind {
		case planner.KindBuild:
			if w.has(w.store, node) || w.has(w.registry, node) {
				w.tb.Errorf("%s exists and is built", node)
			}
			w.checkDependencies(s, steps)
		case planner.KindReuse:
			if c := map[string]*catalog{"store": w.store, "registry": w.registry}[s.FoundIn]; c == nil || !w.has(c, node) {
				w.tb.Errorf("%s is reused from the %s, which has not got it", node, s.FoundIn)
			}
		case planner.KindPush:
			if !wanted || !w.opts.Push {
				w.tb.Errorf("%s was not asked for", s.ID)
			}
		}
		if !wanted && neededBy[s.ID] == 0 && s.Kind != planner.KindIndex {
			w.tb.Errorf("nothing needs %s", s.ID)
		}
	}
	for _, node := range w.r.NodesOf(p.Selection) {
		_, built := steps["build:"+node]
		_, reused := steps["reuse:"+node]
		if built == reused {
			w.tb.Errorf("%s is wanted; built %v, reused %v", node, built, reused)
		}
	}
}

// checkDependencies checks that every node that a build depends on is in the
// plan and among the build's needs, pulled where the store lacks its image.
func (w *world) checkDependencies(s planner.Step, steps map[string]planner.Step) {
	w.tb.Helper()
	uses := w.r.Package(s.Package).Uses(s.Platform)
	for _, dep := range w.r.Nodes.DependenciesOf(planner.NodeID(s.Package, s.Platform)) {
		used := slices.ContainsFunc(uses, func(u planner.Use) bool { return planner.NodeID(u.Package, u.Platform) == dep })
		want := "reuse:" + dep
		switch {
		case !w.has(w.store, dep) && !w.has(w.registry, dep):
			want = "build:" + dep
		case !w.has(w.store, dep) && used:
			want = "pull:" + dep
		}
		if _, ok := steps[want]; !ok || !slices.Contains(s.Needs, want) {
			w.tb.Errorf("%s needs %q, not %s, which is in the plan: %v", s.ID, s.Needs, want, ok)
		}
	}
}

// checkWaves checks that every step is one wave after the last step that it
// needs, and that waves and summary agree with the steps.
func (w *world) checkWaves(p *planner.Plan) {
	w.tb.Helper()
	wave := map[string]int{}
	for _, s := range p.Steps {
		wave[s.ID] = s.Wave
	}
	inWaves := 0
	for i, ids := range p.Waves {
		inWaves += len(ids)
		if !slices.IsSorted(ids) || len(ids) == 0 {
			w.tb.Errorf("wave %d is %q", i+1, ids)
		}
		for _, id := range ids {
			if wave[id] != i+1 {
				w.tb.Errorf("%s is in wave %d and says %d", id, i+1, wave[id])
			}
		}
	}
	if inWaves != p.ToDo() {
		w.tb.Errorf("%d steps in waves, %d to do", inWaves, p.ToDo())
	}
	for _, s := range p.Steps {
		last := 0
		for _, need := range s.Needs {
			n, ok := wave[need]
			if !ok {
				w.tb.Errorf("%s needs %s, which is not in the plan", s.ID, need)
			}
			last = max(last, n)
		}
		if want := last + 1; s.Kind == planner.KindReuse && s.Wave != 0 || s.Kind != planner.KindReuse && s.Wave != want {
			w.tb.Errorf("%s is in wave %d, its needs end in %d", s.ID, s.Wave, last)
		}
	}
}
