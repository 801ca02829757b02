package web

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/planner"
)

// Bounds on logs in a page, in bytes: of one build that failed, of another, and
// of all.
const (
	maxFailedLog = 64 << 10
	maxLog       = 4 << 10
	maxLogs      = 8 << 20
)

// maxSlowest is how many of the slowest steps a page lists.
const maxSlowest = 10

// runData is what a page tells of a run. Times are milliseconds from its start.
type runData struct {
	TookMS      int64   `json:"took"`
	Interrupted bool    `json:"interrupted,omitempty"`
	Lanes       []*lane `json:"lanes"`
	// Critical is the chain of steps that took longest, in order.
	Critical []chained `json:"critical"`
	Slowest  []chained `json:"slowest"`
	Retries  []retry   `json:"retries"`
	// Instructions is how many of the builds' instructions ended, Cached how
	// many of those came from the cache.
	Instructions int      `json:"instructions"`
	Cached       int      `json:"cached"`
	Reused       int      `json:"reused"`
	Warnings     []string `json:"warnings"`
}

// lane is what one builder did, or this machine, where Builder is "".
type lane struct {
	Builder string `json:"builder"`
	// Rows is how many bars there are above each other.
	Rows   int   `json:"rows"`
	BusyMS int64 `json:"busy"`
	Bars   []bar `json:"bars"`
}

// bar is an attempt at a step.
type bar struct {
	Label string `json:"label"`
	Node  int    `json:"n"` // -1 is none
	Row   int    `json:"row"`
	// Attempt counts from 1.
	Attempt int    `json:"a"`
	Start   int64  `json:"s"`
	End     int64  `json:"e"`
	Status  string `json:"status"`
}

// chained is a step with the time that it took.
type chained struct {
	Label  string `json:"label"`
	Node   int    `json:"n"`
	Start  int64  `json:"s"`
	MS     int64  `json:"ms"`
	Status string `json:"status"`
}

type retry struct {
	Label   string `json:"label"`
	Node    int    `json:"n"`
	Attempt int    `json:"attempt"`
	Builder string `json:"builder,omitempty"`
	Error   string `json:"error"`
}

// nodeRun is what happened to a node, or to a step of a package.
type nodeRun struct {
	Status   string   `json:"status"`
	Builder  string   `json:"builder,omitempty"`
	Start    int64    `json:"s"`
	MS       int64    `json:"ms"`
	Attempts int      `json:"attempts,omitempty"`
	Error    string   `json:"error,omitempty"`
	Excerpt  string   `json:"excerpt,omitempty"`
	Because  []string `json:"because,omitempty"`
	Digest   string   `json:"digest,omitempty"`
	Cached   int      `json:"cached,omitempty"`
	Ended    int      `json:"ended,omitempty"`
	// Slow are the instructions that took longest.
	Slow []chained `json:"slow,omitempty"`
	// Log is the end of the log, LogFile where all of it is.
	Log     string `json:"log,omitempty"`
	LogFile string `json:"file,omitempty"`
	Cut     bool   `json:"cut,omitempty"`
}

// runReader puts a run's data together.
type runReader struct {
	doc    *document
	record *Record
	start  time.Time
	took   map[string]int64
	starts map[string]int64
	status map[string]string
	logs   int
	out    *runData
}

func newRunData(d *document, p *planner.Plan, r *executor.Result, record *Record) *runData {
	if record == nil {
		record = NewRecord()
	}
	x := &runReader{
		doc: d, record: record, start: r.StartedAt, logs: maxLogs,
		took: map[string]int64{}, starts: map[string]int64{}, status: map[string]string{},
		out: &runData{
			TookMS: r.FinishedAt.Sub(r.StartedAt).Milliseconds(), Interrupted: r.Interrupted,
			Critical: []chained{}, Slowest: []chained{}, Retries: []retry{}, Lanes: []*lane{}, Warnings: r.Warnings,
		},
	}
	for _, f := range r.Failed {
		n := x.ran(f.Ran, executor.StatusFailed, f.LogPath, maxFailedLog)
		n.Error, n.Excerpt = f.Error, f.Excerpt
	}
	for _, done := range r.Done {
		n := x.ran(done.Ran, done.Status, done.LogPath, maxLog)
		n.Digest = done.Descriptor.Digest.String()
		if done.Status == executor.StatusReused || done.Status == executor.StatusUnchanged {
			x.out.Reused++
		}
	}
	for _, c := range r.Cancelled {
		x.ran(c.Ran, executor.StatusCancelled, c.LogPath, maxLog)
	}
	for _, s := range r.Skipped {
		x.ran(executor.Ran{Step: s.Step}, executor.StatusSkipped, "", 0).Because = s.Because
	}
	x.lanes(p)
	x.critical(p)
	x.slowest(p)
	return x.out
}

// ran takes note of a step that has ended.
func (x *runReader) ran(r executor.Ran, status executor.Status, log string, limit int) *nodeRun {
	n := &nodeRun{Status: string(status), Builder: r.Builder, Attempts: r.Attempts}
	if !r.StartedAt.IsZero() {
		n.Start, n.MS = x.ms(r.StartedAt), r.Duration().Milliseconds()
	}
	id := r.Step.ID
	x.took[id], x.starts[id], x.status[id] = n.MS, n.Start, n.Status
	x.readLog(n, log, limit)
	x.instructions(n, id)
	at, isNode := x.nodeOf(r.Step)
	switch {
	case !isNode:
		for _, e := range x.doc.Packages[x.doc.packages[r.Step.Package]].Steps {
			if e.ID == id {
				e.Run = n
			}
		}
	case x.doc.Nodes[at].Run == nil || r.Step.Kind != planner.KindReuse:
		x.doc.Nodes[at].Run, x.doc.Nodes[at].State = n, n.Status
	}
	return n
}

func (x *runReader) ms(t time.Time) int64 { return t.Sub(x.start).Milliseconds() }

func (x *runReader) nodeOf(s planner.Step) (int, bool) {
	switch s.Kind {
	case planner.KindBuild, planner.KindReuse, planner.KindPull:
		i, ok := x.doc.byID[planner.NodeID(s.Package, s.Platform)]
		return i, ok
	}
	return -1, false
}

// instructions counts a build's and finds its slowest.
func (x *runReader) instructions(n *nodeRun, id string) {
	s := x.record.steps[id]
	if s == nil {
		return
	}
	for _, cached := range s.cached {
		n.Ended++
		if cached {
			n.Cached++
		}
	}
	x.out.Instructions += n.Ended
	x.out.Cached += n.Cached
	for name, took := range s.slow {
		n.Slow = append(n.Slow, chained{Label: name, Node: -1, MS: took.Milliseconds()})
	}
	n.Slow = longest(n.Slow, 5)
}

// readLog reads the end of a log. One that cannot be read is as good as none.
func (x *runReader) readLog(n *nodeRun, path string, limit int) {
	if path == "" {
		return
	}
	n.LogFile = "logs/" + filepath.Base(path)
	content, err := os.ReadFile(path)
	if err != nil || x.logs <= 0 {
		return
	}
	limit = min(limit, x.logs)
	if n.Cut = len(content) > limit; n.Cut {
		content = content[len(content)-limit:]
		if _, rest, ok := strings.Cut(string(content), "\n"); ok {
			content = []byte(rest)
		}
	}
	x.logs -= len(content)
	n.Log = cleanLog(string(content))
}

// lanes puts attempts in lanes by builder, and those that overlap in rows.
func (x *runReader) lanes(p *planner.Plan) {
	lanes := map[string]*lane{}
	for _, s := range p.Steps {
		record := x.record.steps[s.ID]
		if record == nil {
			continue
		}
		node, _ := x.nodeOf(s)
		for i, a := range record.attempts {
			l := lanes[a.builder]
			if l == nil {
				l = &lane{Builder: a.builder}
				lanes[a.builder] = l
			}
			b := bar{Label: stepLabel(s), Node: node, Attempt: i + 1, Start: x.ms(a.start), End: x.ms(a.end), Status: x.status[s.ID]}
			if a.end.IsZero() {
				b.End = x.out.TookMS
			}
			if i < len(record.attempts)-1 {
				b.Status = "retried"
				x.out.Retries = append(x.out.Retries, retry{stepLabel(s), node, i + 1, a.builder, a.err})
			}
			l.BusyMS += b.End - b.Start
			l.Bars = append(l.Bars, b)
		}
	}
	for _, l := range lanes {
		l.stack()
		x.out.Lanes = append(x.out.Lanes, l)
	}
	slices.SortFunc(x.out.Lanes, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(b2i(a.Builder == ""), b2i(b.Builder == "")), cmp.Compare(a.Builder, b.Builder))
	})
}

// stack gives each bar the first row that is free when it starts.
func (l *lane) stack() {
	slices.SortStableFunc(l.Bars, func(a, b bar) int { return cmp.Compare(a.Start, b.Start) })
	var ends []int64
	for i := range l.Bars {
		b := &l.Bars[i]
		b.Row = slices.IndexFunc(ends, func(end int64) bool { return end <= b.Start })
		if b.Row < 0 {
			b.Row = len(ends)
			ends = append(ends, 0)
		}
		ends[b.Row] = max(b.End, b.Start+1)
	}
	l.Rows = len(ends)
}

// critical finds the chain of steps that took longest.
func (x *runReader) critical(p *planner.Plan) {
	g := graph.New()
	byID := map[string]planner.Step{}
	for _, s := range p.Steps {
		byID[s.ID] = s
		g.AddNode(s.ID)
		for _, need := range s.Needs {
			g.AddEdge(s.ID, need)
		}
	}
	path, _, err := g.CriticalPath(func(id string) int64 { return x.took[id] })
	if err != nil {
		return // a damaged plan has no such path
	}
	for _, n := range x.doc.Nodes {
		n.Critical = false
	}
	for _, id := range path {
		if x.took[id] == 0 {
			continue
		}
		c := x.chained(byID[id])
		x.out.Critical = append(x.out.Critical, c)
		if c.Node >= 0 {
			x.doc.Nodes[c.Node].Critical = true
		}
	}
}

func (x *runReader) chained(s planner.Step) chained {
	node, _ := x.nodeOf(s)
	return chained{Label: stepLabel(s), Node: node, Start: x.starts[s.ID], MS: x.took[s.ID], Status: x.status[s.ID]}
}

func (x *runReader) slowest(p *planner.Plan) {
	for _, s := range p.Steps {
		if x.took[s.ID] > 0 {
			x.out.Slowest = append(x.out.Slowest, x.chained(s))
		}
	}
	x.out.Slowest = longest(x.out.Slowest, maxSlowest)
}

// longest are the n that took longest, longest first.
func longest(list []chained, n int) []chained {
	slices.SortStableFunc(list, func(a, b chained) int {
		return cmp.Or(cmp.Compare(b.MS, a.MS), cmp.Compare(a.Label, b.Label))
	})
	return list[:min(len(list), n)]
}
