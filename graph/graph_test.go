package graph_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/graph"
)

// parse makes a graph of lines such as "app: base lint".
func parse(t *testing.T, text string) *graph.Graph {
	t.Helper()
	g := graph.New()
	for line := range strings.Lines(text) {
		from, deps, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		g.AddNode(from)
		for _, to := range strings.Fields(deps) {
			g.AddEdge(from, to)
		}
	}
	return g
}

const shop = `
	base:
	lint:
	lib: base
	api: lib lint
	web: lib
	all: api web
	docs:`

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestNeighbours(t *testing.T) {
	g := parse(t, shop)
	g.AddEdge("api", "lib") // again
	equal(t, "Nodes", g.Nodes(), "[all api base docs lib lint web]")
	equal(t, "DependenciesOf(api)", g.DependenciesOf("api"), "[lib lint]")
	equal(t, "DependentsOf(lib)", g.DependentsOf("lib"), "[api web]")
	equal(t, "DependenciesOf(docs)", g.DependenciesOf("docs"), "[]")
	equal(t, "DependenciesOf(nobody)", g.DependenciesOf("nobody"), "[]")
	equal(t, "Has(docs)", g.Has("docs"), true)
	equal(t, "Has(nobody)", g.Has("nobody"), false)
}

func TestClosure(t *testing.T) {
	g := parse(t, shop)
	tests := []struct {
		ids   []string
		below string
		above string
	}{
		{nil, "[]", "[]"},
		{[]string{"docs"}, "[]", "[]"},
		{[]string{"nobody"}, "[]", "[]"},
		{[]string{"api"}, "[base lib lint]", "[all]"},
		{[]string{"api", "web"}, "[base lib lint]", "[all]"},
		{[]string{"all", "lib"}, "[api base lib lint web]", "[all api web]"},
		{[]string{"lib", "all"}, "[api base lib lint web]", "[all api web]"},
		{[]string{"base"}, "[]", "[all api lib web]"},
	}
	for _, tt := range tests {
		equal(t, fmt.Sprintf("Dependencies(%v)", tt.ids), g.Dependencies(tt.ids...), tt.below)
		equal(t, fmt.Sprintf("Dependents(%v)", tt.ids), g.Dependents(tt.ids...), tt.above)
	}
	ring := parse(t, "a: b\nb: c\nc: a\nself: self\nuser: self")
	equal(t, "Dependencies(a)", ring.Dependencies("a"), "[a b c]")
	equal(t, "Dependencies(self)", ring.Dependencies("self"), "[self]")
	equal(t, "Dependents(self)", ring.Dependents("self"), "[self user]")
	equal(t, "DependenciesOf(self)", ring.DependenciesOf("self"), "[self]")
}

func TestOrder(t *testing.T) {
	g := parse(t, shop)
	order, err := g.Order()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Order", order, "[base docs lib lint api web all]")
	waves, err := g.Waves()
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "Waves", waves, "[[base docs lint] [lib] [api web] [all]]")
}

func TestCycle(t *testing.T) {
	tests := map[string]struct{ edges, want string }{
		"none":               {shop, "[]"},
		"empty":              {"", "[]"},
		"self":               {"b: b\na: b\nx: y\ny: x", "[b b]"},
		"pair":               {"b: a\na: b", "[a b a]"},
		"shorter wins":       {"a: b\nb: c\nc: a\nx: y\ny: x", "[x y x]"},
		"first of equals":    {"d: c\nc: d\nb: a\na: b", "[a b a]"},
		"first way round":    {"a: c b\nb: d\nc: d\nd: a", "[a b d a]"},
		"between two cycles": {"m: n\nn: z\nz: y\ny: z\np: m\np: q\nq: p", "[p q p]"},
		"inside a longer":    {"a: b\nb: c\nc: d b\nd: a", "[b c b]"},
		"chord":              {"a: b\nb: c\nc: d\nd: e\ne: a c", "[c d e c]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := parse(t, tt.edges)
			equal(t, "Cycle", g.Cycle(), tt.want)
			_, err := g.Order()
			equal(t, "cyclic", err != nil, tt.want != "[]")
		})
	}
}

func TestCycleErrors(t *testing.T) {
	g := parse(t, "a: b\nb: a\nc: a")
	one := func(string) int64 { return 1 }
	_, order := g.Order()
	_, waves := g.Waves()
	_, _, path := g.CriticalPath(one)
	_, remaining := g.Remaining(one)
	for _, err := range []error{order, waves, path, remaining} {
		var cycle *graph.CycleError
		if !errors.As(err, &cycle) || !slices.Equal(cycle.Path, []string{"a", "b", "a"}) {
			t.Errorf("error = %v, want a CycleError of a, b, a", err)
		}
		equal(t, "message", err, "dependency cycle: a → b → a")
	}
}

func TestCriticalPath(t *testing.T) {
	weights := map[string]int64{"base": 5, "lib": 1, "api": 2, "web": 9, "all": 1, "docs": 3, "lint": 13}
	g := parse(t, shop)
	weight := func(id string) int64 { return weights[id] }
	path, total, err := g.CriticalPath(weight)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "path", path, "[base lib web all]")
	equal(t, "total", total, 16)

	remaining, err := g.Remaining(weight)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"all": 1, "api": 3, "web": 10, "lib": 11, "base": 16, "lint": 16, "docs": 3}
	if !reflect.DeepEqual(remaining, want) {
		t.Errorf("Remaining = %v, want %v", remaining, want)
	}
}

func TestCriticalPathTies(t *testing.T) {
	g := parse(t, "b: a\nd: c\ne:\nf: d")
	tests := map[string]struct {
		weight int64
		path   string
		total  int64
	}{
		"unknown weights: most nodes": {0, "[c d f]", 0},
		"negative counts as none":     {-7, "[c d f]", 0},
		"no overflow":                 {math.MaxInt64 / 2, "[c d f]", math.MaxInt64},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path, total, err := g.CriticalPath(func(string) int64 { return tt.weight })
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "path", path, tt.path)
			equal(t, "total", total, tt.total)
		})
	}
	path, total, err := graph.New().CriticalPath(func(string) int64 { return 1 })
	if path != nil || total != 0 || err != nil {
		t.Errorf("of an empty graph = %v, %d, %v", path, total, err)
	}
}
