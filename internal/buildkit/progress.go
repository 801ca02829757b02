package buildkit

import (
	"github.com/moby/buildkit/client"

	"github.com/stowage-build/stowage/executor"
)

// watcher turns a solve's status into progress.
type watcher struct {
	report func(executor.Progress)
	names  map[string]string // by vertex digest
	// noSpace are the vertices, by digest, whose programs wrote of no space left.
	noSpace map[string]bool
}

// see reports what a status message says.
func (w *watcher) see(st *client.SolveStatus) {
	for _, v := range st.Vertexes {
		id := v.Digest.String()
		w.names[id] = v.Name
		p := executor.Progress{Vertex: &executor.Vertex{
			ID: id, Name: v.Name, Cached: v.Cached, Error: v.Error,
			Started: v.Started != nil, Completed: v.Completed != nil,
		}}
		if v.Started != nil {
			p.Time = *v.Started
		}
		if v.Completed != nil {
			p.Time = *v.Completed
		}
		w.report(p)
	}
	for _, l := range st.Logs {
		if noSpace.Match(l.Data) {
			w.noSpace[l.Vertex.String()] = true
		}
		w.report(executor.Progress{Time: l.Timestamp, Log: &executor.LogLine{
			Vertex: w.names[l.Vertex.String()], Stderr: l.Stream == 2, Data: l.Data,
		}})
	}
}
