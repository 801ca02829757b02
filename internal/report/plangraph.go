package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/planner"
)

// Bounds within which graphs in a review are drawn by those who show them:
// Mermaid's own defaults are 500 edges and 50,000 characters; what people can
// read is less.
const (
	maxDrawnPackages = 60
	maxDrawnEdges    = 150
	maxDrawnText     = 20_000
)

// planGraph is a plan's packages, or nodes, with what each is made with.
type planGraph struct {
	names []string
	// state is build, pull or reuse; changed says that it is not built for
	// others' sake.
	state   map[string]planner.Kind
	changed map[string]bool
	needs   map[string][]string
}

// PlanDot writes a plan's nodes in Graphviz's language. Edges point from a node
// to what it needs.
func PlanDot(w io.Writer, p *planner.Plan) error {
	g := nodeGraph(p)
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "digraph stowage {\n  rankdir = \"LR\";\n  node [shape = box, style = filled, fillcolor = white];\n")
	colors := map[planner.Kind]string{planner.KindBuild: "#ffd8b5", planner.KindPull: "#b5ece6", planner.KindReuse: "#e3e8ee"}
	for _, name := range g.names {
		fmt.Fprintf(out, "  %s [fillcolor = %q];\n", dotString(name), colors[g.state[name]])
	}
	for _, name := range g.names {
		for _, need := range g.needs[name] {
			fmt.Fprintf(out, "  %s -> %s;\n", dotString(name), dotString(need))
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

// PlanMermaid writes a plan's nodes as a Mermaid flowchart.
func PlanMermaid(w io.Writer, p *planner.Plan) error {
	_, err := io.WriteString(w, nodeGraph(p).mermaid())
	return err
}

// nodeGraph has a node for each of the plan, named PACKAGE PLATFORM.
func nodeGraph(p *planner.Plan) *planGraph {
	name := func(s planner.Step) string { return s.Package + " " + s.Platform }
	return newPlanGraph(p, name)
}

func newPlanGraph(p *planner.Plan, name func(planner.Step) string) *planGraph {
	g := &planGraph{state: map[string]planner.Kind{}, changed: map[string]bool{}, needs: map[string][]string{}}
	byID := map[string]string{}
	rank := map[planner.Kind]int{planner.KindReuse: 1, planner.KindPull: 2, planner.KindBuild: 3}
	for _, s := range p.Steps {
		if rank[s.Kind] == 0 {
			continue
		}
		n := name(s)
		byID[s.ID] = n
		if rank[g.state[n]] == 0 {
			g.names = append(g.names, n)
		}
		if rank[s.Kind] > rank[g.state[n]] {
			g.state[n] = s.Kind
		}
		if s.Kind == planner.KindBuild && s.Reason != planner.ReasonDependencyChanged {
			g.changed[n] = true
		}
	}
	slices.Sort(g.names)
	for _, s := range p.Steps {
		if s.Kind == planner.KindBuild {
			for _, need := range s.Needs {
				g.addNeed(name(s), byID[need])
			}
		}
	}
	return g
}

func (g *planGraph) addNeed(from, to string) {
	if to != "" && from != to && !slices.Contains(g.needs[from], to) {
		g.needs[from] = append(g.needs[from], to)
	}
}

// only leaves out what keep does not want.
func (g *planGraph) only(keep func(name string) bool) *planGraph {
	small := &planGraph{state: g.state, changed: g.changed, needs: map[string][]string{}}
	for _, name := range g.names {
		if !keep(name) {
			continue
		}
		small.names = append(small.names, name)
		for _, need := range g.needs[name] {
			if keep(need) {
				small.needs[name] = append(small.needs[name], need)
			}
		}
	}
	return small
}

func (g *planGraph) edges() int {
	edges := 0
	for _, needs := range g.needs {
		edges += len(needs)
	}
	return edges
}

func (g *planGraph) drawable() bool {
	edges := g.edges()
	return len(g.names) > 1 && len(g.names) <= maxDrawnPackages && edges > 0 && edges <= maxDrawnEdges
}

// mermaid draws from left to right in the order of building.
func (g *planGraph) mermaid() string {
	out := &strings.Builder{}
	out.WriteString("flowchart LR\n")
	number := map[string]int{}
	for i, name := range g.names {
		number[name] = i
		class := string(g.state[name])
		if g.changed[name] {
			class = "changed"
		}
		fmt.Fprintf(out, "  n%d[\"%s\"]:::%s\n", i, mermaidString(name), class)
	}
	for _, name := range g.names {
		for _, need := range g.needs[name] {
			fmt.Fprintf(out, "  n%d --> n%d\n", number[need], number[name])
		}
	}
	out.WriteString(`  classDef changed fill:#c2500a,stroke:#8a3a08,color:#fff
  classDef build fill:#ffd8b5,stroke:#c2500a,color:#3a1a04
  classDef pull fill:#b5ece6,stroke:#0f766e,color:#06302c
  classDef reuse fill:#e3e8ee,stroke:#8b99aa,color:#27364a
`)
	return out.String()
}

// reviewGraph draws a plan's packages: with what they are made with if that
// can be read, else those that are built, else those that changed. note says
// what is left out; where nothing is drawn, why not, if there is anything to draw.
func reviewGraph(p *planner.Plan) (drawing, note string) {
	all := newPlanGraph(p, func(s planner.Step) string { return s.Package })
	built := all.only(func(name string) bool { return all.state[name] == planner.KindBuild })
	if len(built.names) == 0 {
		return "", ""
	}
	near := map[string]bool{}
	for _, name := range built.names {
		near[name] = true
		for _, need := range all.needs[name] {
			near[need] = true
		}
	}
	for _, try := range []struct {
		graph *planGraph
		note  string
	}{
		{all.only(func(name string) bool { return near[name] }), ""},
		{built, " of what is built"},
		{built.only(func(name string) bool { return built.changed[name] }), " of what changed itself"},
	} {
		if try.graph.drawable() {
			if text := try.graph.mermaid(); len(text) <= maxDrawnText {
				return text, try.note
			}
		}
	}
	if built.edges() == 0 {
		return "", ""
	}
	return "", fmt.Sprintf("A graph of %d packages is too large to read here; stowage plan --format html draws it.", len(built.names))
}
