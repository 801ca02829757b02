package buildkit

import (
	"reflect"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/stowage-build/stowage/executor"
)

// TestWatcher: a status becomes progress in its order, instructions before
// the output that names them, with the time of what happened last.
func TestWatcher(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ended, logged := began.Add(time.Minute), began.Add(time.Second)
	run, from := digest.FromString("run"), digest.FromString("from")
	var got []executor.Progress
	w := &watcher{names: map[string]string{}, report: func(p executor.Progress) { got = append(got, p) }}
	w.see(&client.SolveStatus{Vertexes: []*client.Vertex{{Digest: from, Name: "FROM x"}, {Digest: run, Name: "RUN y", Started: &began}}})
	w.see(&client.SolveStatus{
		Vertexes: []*client.Vertex{
			{Digest: from, Name: "FROM x", Started: &began, Completed: &ended, Cached: true},
			{Digest: run, Name: "RUN y", Started: &began, Completed: &ended, Error: "exit code: 1"},
		},
		Statuses: []*client.VertexStatus{{ID: "extracting", Vertex: from}},
		Logs: []*client.VertexLog{
			{Vertex: run, Stream: 1, Data: []byte("out"), Timestamp: logged}, {Vertex: run, Stream: 2, Data: []byte("err"), Timestamp: ended},
		},
	})
	w.see(&client.SolveStatus{})
	want := []executor.Progress{
		{Vertex: &executor.Vertex{ID: from.String(), Name: "FROM x"}},
		{Time: began, Vertex: &executor.Vertex{ID: run.String(), Name: "RUN y", Started: true}},
		{Time: ended, Vertex: &executor.Vertex{ID: from.String(), Name: "FROM x", Started: true, Completed: true, Cached: true}},
		{Time: ended, Vertex: &executor.Vertex{ID: run.String(), Name: "RUN y", Started: true, Completed: true, Error: "exit code: 1"}},
		{Time: logged, Log: &executor.LogLine{Vertex: "RUN y", Data: []byte("out")}},
		{Time: ended, Log: &executor.LogLine{Vertex: "RUN y", Stderr: true, Data: []byte("err")}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("progress is %+v, want %+v", got, want)
	}
}
