package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-build/stowage/graph"
)

// Dot writes the part of g that ids reach in Graphviz's language.
func Dot(w io.Writer, g *graph.Graph, ids []string) error {
	out := bufio.NewWriter(w)
	fmt.Fprint(out, "digraph stowage {\n  rankdir = \"LR\";\n  node [shape = box];\n")
	all := reachable(g, ids)
	for _, id := range all {
		fmt.Fprintf(out, "  %s;\n", dotString(id))
	}
	for _, id := range all {
		for _, dep := range g.DependenciesOf(id) {
			fmt.Fprintf(out, "  %s -> %s;\n", dotString(id), dotString(dep))
		}
	}
	fmt.Fprintln(out, "}")
	return out.Flush()
}

// Mermaid writes the part of g that ids reach as a Mermaid flowchart.
func Mermaid(w io.Writer, g *graph.Graph, ids []string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintln(out, "flowchart LR")
	all := reachable(g, ids)
	number := map[string]int{}
	for i, id := range all {
		number[id] = i
		fmt.Fprintf(out, "  n%d[\"%s\"]\n", i, mermaidString(id))
	}
	for _, id := range all {
		for _, dep := range g.DependenciesOf(id) {
			fmt.Fprintf(out, "  n%d --> n%d\n", number[id], number[dep])
		}
	}
	return out.Flush()
}

// reachable returns ids and all that they depend on, sorted.
func reachable(g *graph.Graph, ids []string) []string {
	all := append(g.Dependencies(ids...), ids...)
	slices.Sort(all)
	return slices.Compact(all)
}

func dotString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(s)) + `"`
}

// mermaidString escapes what ends a label, begins an entity of Mermaid's own,
// or would be taken as HTML or Markdown.
func mermaidString(s string) string {
	return strings.NewReplacer(
		`"`, "#quot;", "#", "#35;", "&", "#amp;", "<", "#lt;", ">", "#gt;", "`", "#96;",
	).Replace(clean(s))
}
