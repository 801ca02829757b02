package web

import (
	"slices"
	"strings"
	"time"

	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// Bounds on what a page holds, so that browsers open it at once: inputs in
// all, and those of one package that is reused.
const (
	maxInputs       = 60_000
	maxReusedInputs = 20
	maxPast         = 10
)

// document is the page's data. Nodes, packages and edges refer to each other
// by index.
type document struct {
	Kind      string    `json:"kind"`
	Title     string    `json:"title"`
	Workspace string    `json:"workspace"`
	Revision  string    `json:"revision,omitempty"`
	Dirty     bool      `json:"dirty,omitempty"`
	Version   string    `json:"version"`
	Created   time.Time `json:"created"`
	Summary   string    `json:"summary"`
	// EstimateMS is the plan's; CriticalPath are packages.
	EstimateMS   int64    `json:"estimate,omitempty"`
	CriticalPath []string `json:"critical,omitempty"`
	Nodes        []*node  `json:"nodes"`
	Edges        []edge   `json:"edges"`
	Packages     []*pkg   `json:"packages"`
	Layers       []layer  `json:"layers"`
	Remarks      []remark `json:"remarks"`
	Run          *runData `json:"run,omitempty"`
	byID         map[string]int
	packages     map[string]int
}

// edge says that the node To is made with From.
type edge struct {
	From int `json:"f"`
	To   int `json:"t"`
	// Weak edges are a package's, where the plan says nothing of nodes.
	Weak bool `json:"w,omitempty"`
}

// node is a package on a platform.
type node struct {
	ID       string   `json:"id"`
	Package  int      `json:"p"`
	Platform string   `json:"platform"`
	State    string   `json:"state"`
	Reason   string   `json:"reason,omitempty"`
	Changes  []string `json:"changes,omitempty"`
	Wave     int      `json:"wave"`
	X        int      `json:"x"`
	Y        int      `json:"y"`
	// EstimateMS is expected, Past are earlier builds.
	EstimateMS int64  `json:"est,omitempty"`
	Past       []past `json:"past,omitempty"`
	Critical   bool   `json:"crit,omitempty"`
	// Run is what happened to it.
	Run *nodeRun `json:"run,omitempty"`
}

type past struct {
	At int64 `json:"at"` // Unix milliseconds
	MS int64 `json:"ms"`
	OK bool  `json:"ok"`
}

type pkg struct {
	Name   string  `json:"name"`
	Ref    string  `json:"ref"`
	Hash   string  `json:"hash"`
	Dirty  bool    `json:"dirty,omitempty"`
	Inputs []group `json:"inputs,omitempty"`
	// Steps are those of the package as a whole: index, push, tag, load.
	Steps []*extra `json:"steps,omitempty"`
}

// group is the inputs of one kind.
type group struct {
	Kind string `json:"kind"`
	// Items are pairs of a label and the start of a digest.
	Items [][2]string `json:"items"`
	// More is how many are left out.
	More int `json:"more,omitempty"`
}

type extra struct {
	ID    string   `json:"id"`
	Label string   `json:"label"`
	Run   *nodeRun `json:"run,omitempty"`
}

type remark struct {
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Location string `json:"at,omitempty"`
}

func newDocument(p *planner.Plan, details Details) *document {
	d := &document{
		Workspace: p.Workspace.Name, Revision: p.Workspace.Revision, Dirty: p.Workspace.Dirty,
		Version: p.StowageVersion, Created: p.CreatedAt, EstimateMS: p.EstimateMS, CriticalPath: p.CriticalPath,
		Nodes: []*node{}, Edges: []edge{}, Packages: []*pkg{}, Remarks: []remark{},
		byID: map[string]int{}, packages: map[string]int{},
	}
	for i, info := range p.Packages {
		d.packages[info.Name] = i
		d.Packages = append(d.Packages, &pkg{Name: info.Name, Ref: info.Ref, Hash: info.Hash, Dirty: info.Dirty})
	}
	for _, s := range p.Steps {
		d.addStep(p, s)
	}
	d.addPast(p, details)
	d.addInputs(details)
	d.addEdges(p)
	d.Layers = arrange(d.Nodes, d.Edges)
	for _, diag := range p.Diagnostics {
		d.Remarks = append(d.Remarks, remark{diag.Severity, diag.Summary, diag.Detail, diag.Location})
	}
	return d
}

// addStep adds what a step is about. A pull says more of a node than that it is
// reused.
func (d *document) addStep(p *planner.Plan, s planner.Step) {
	i, known := d.packages[s.Package]
	if !known {
		i = len(d.Packages)
		d.packages[s.Package] = i
		d.Packages = append(d.Packages, &pkg{Name: s.Package})
	}
	switch s.Kind {
	case planner.KindBuild, planner.KindReuse, planner.KindPull:
	default:
		d.Packages[i].Steps = append(d.Packages[i].Steps, &extra{ID: s.ID, Label: extraLabel(s, d.Packages[i].Ref)})
		return
	}
	id := planner.NodeID(s.Package, s.Platform)
	if at, ok := d.byID[id]; ok {
		if s.Kind == planner.KindPull {
			d.Nodes[at].State = string(s.Kind)
		}
		return
	}
	d.byID[id] = len(d.Nodes)
	d.Nodes = append(d.Nodes, &node{
		ID: id, Package: i, Platform: s.Platform, State: string(s.Kind), Reason: string(s.Reason), Changes: s.Changes,
		Wave: s.Wave, EstimateMS: s.EstimateMS,
		Critical: s.Kind == planner.KindBuild && slices.Contains(p.CriticalPath, s.Package),
	})
}

func extraLabel(s planner.Step, ref string) string {
	switch s.Kind {
	case planner.KindPush:
		if s.NoIndex {
			return "push per-platform tags of " + ref
		}
		return "push to " + ref
	case planner.KindIndex:
		return "write the index"
	case planner.KindTag:
		return "move the tag " + s.Tag
	case planner.KindLoad:
		return "load into the container engine"
	}
	return string(s.Kind)
}

func (d *document) addPast(p *planner.Plan, details Details) {
	if details.Past == nil {
		return
	}
	for _, n := range d.Nodes {
		if n.Package >= len(p.Packages) {
			continue
		}
		for _, earlier := range details.Past(p.Packages[n.Package].Image, n.Platform) {
			if len(n.Past) == maxPast {
				break
			}
			n.Past = append(n.Past, past{earlier.At.UnixMilli(), earlier.Duration.Milliseconds(), earlier.OK})
		}
	}
}

// addInputs adds the inputs of packages, of those that are built first.
func (d *document) addInputs(details Details) {
	if details.Inputs == nil {
		return
	}
	built := map[int]bool{}
	for _, n := range d.Nodes {
		if n.State == string(planner.KindBuild) {
			built[n.Package] = true
		}
	}
	left := maxInputs
	for _, pass := range []bool{true, false} {
		for i, p := range d.Packages {
			if built[i] != pass {
				continue
			}
			limit := left
			if !pass {
				limit = min(left, maxReusedInputs)
			}
			left -= p.addInputs(details.Inputs(p.Name), limit)
		}
	}
}

// addInputs adds at most limit inputs, and returns how many.
func (p *pkg) addInputs(inputs []Input, limit int) int {
	const digits = 12
	added := 0
	for _, in := range inputs {
		last := len(p.Inputs) - 1
		if last < 0 || p.Inputs[last].Kind != in.Kind {
			p.Inputs = append(p.Inputs, group{Kind: in.Kind})
			last++
		}
		if added == limit {
			p.Inputs[last].More++
			continue
		}
		added++
		label := strings.TrimPrefix(in.Label, in.Kind+" ")
		p.Inputs[last].Items = append(p.Inputs[last].Items, [2]string{label, in.Digest[:min(digits, len(in.Digest))]})
	}
	return added
}

// addEdges draws an edge for every step that a build needs. Steps that are
// done already need nothing in a plan: their packages' dependencies are drawn
// instead, on the same platform.
func (d *document) addEdges(p *planner.Plan) {
	seen := map[[2]int]bool{}
	add := func(from, to string, weak bool) {
		f, ok := d.byID[from]
		t, ok2 := d.byID[to]
		if ok && ok2 && f != t && !seen[[2]int{f, t}] {
			seen[[2]int{f, t}] = true
			d.Edges = append(d.Edges, edge{f, t, weak})
		}
	}
	for _, s := range p.Steps {
		if s.Kind == planner.KindBuild {
			for _, need := range s.Needs {
				_, from, _ := strings.Cut(need, ":")
				add(from, planner.NodeID(s.Package, s.Platform), false)
			}
		}
	}
	for _, s := range p.Steps {
		if s.Kind != planner.KindReuse || d.packages[s.Package] >= len(p.Packages) {
			continue
		}
		for _, dep := range p.Packages[d.packages[s.Package]].Dependencies {
			add(planner.NodeID(dep, s.Platform), planner.NodeID(s.Package, s.Platform), true)
		}
	}
}

// layersOf returns the layer of each node: the one after the last of what it is
// made with.
func layersOf(nodes []*node, edges []edge) []int {
	layers := make([]int, len(nodes))
	g := graph.New()
	index := map[string]int{}
	for i, n := range nodes {
		g.AddNode(n.ID)
		index[n.ID] = i
	}
	for _, e := range edges {
		g.AddEdge(nodes[e.To].ID, nodes[e.From].ID)
	}
	waves, err := g.Waves()
	if err != nil {
		return layers // a damaged plan: all in one layer
	}
	for at, wave := range waves {
		for _, id := range wave {
			layers[index[id]] = at
		}
	}
	return layers
}

// stepLabel is a step as people read it.
func stepLabel(s planner.Step) string { return report.StepName(s.Kind, s.Package, s.Platform, s.ID) }
