package report_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/graph"
	"github.com/stowage-build/stowage/internal/report"
)

func exampleGraph() *graph.Graph {
	g := graph.New()
	g.AddEdge(`app["a\b"]`, "base")
	g.AddEdge(`app["<b>&#1;`+"`x`\"]", "base")
	g.AddEdge(`app["<b>&#1;`+"`x`\"]", `app["a\b"]`)
	g.AddEdge("other", "base")
	g.AddEdge("base", "line\nend\x1b[0m")
	return g
}

func TestGraphs(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *graph.Graph, []string) error{
		"dot": report.Dot, "mermaid": report.Mermaid,
	} {
		t.Run(name, func(t *testing.T) {
			got := &strings.Builder{}
			if err := write(got, exampleGraph(), []string{`app["<b>&#1;` + "`x`\"]", "base"}); err != nil {
				t.Fatal(err)
			}
			golden(t, "graph.golden."+name, got.String())
			if strings.Contains(got.String(), "other") {
				t.Error("has what was not asked for")
			}
			if err := write(brokenWriter{}, exampleGraph(), nil); err == nil {
				t.Error("a writer's error is not told")
			}
		})
	}
}
