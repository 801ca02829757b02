package planner

import (
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	file := func(name, digest string) Input { return Input{Kind: inputFile, Name: name, Digest: digest} }
	arg := func(name, digest string, through ...string) Input {
		return Input{Kind: inputArg, Name: name, Digest: digest, Through: through}
	}
	dependency := func(digest string) Input { return Input{Kind: inputDependency, Name: "base", Digest: digest} }
	image := func(name string) Input { return Input{Kind: inputImage, Name: name, Digest: name} }
	refresh := func(digest string) Input { return Input{Kind: inputRefresh, Name: "24h0m0s", Digest: digest} }

	tests := map[string]struct {
		old, now []Input
		reason   Reason
		changes  []string
	}{
		"same":         {old: []Input{file("a", "1")}, now: []Input{file("a", "1")}},
		"none":         {},
		"file changed": {[]Input{file("a", "1")}, []Input{file("a", "2")}, ReasonInputsChanged, []string{"file app/a"}},
		"file added":   {[]Input{file("a", "1")}, []Input{file("a", "1"), file("b", "1")}, ReasonInputsChanged, []string{"file app/b"}},
		"file removed": {[]Input{file("a", "1"), file("b", "1")}, []Input{file("b", "1")}, ReasonInputsChanged, []string{"file app/a"}},
		"order of files": {
			old: []Input{file("a", "1"), file("b", "1")}, now: []Input{file("b", "1"), file("a", "1")},
		},
		"changes sorted": {
			[]Input{file("b", "1"), arg("X", "1")}, []Input{file("b", "2"), file("a", "1")},
			ReasonInputsChanged, []string{"arg X", "file app/a", "file app/b"},
		},
		"dependency": {[]Input{dependency("1")}, []Input{dependency("2")}, ReasonDependencyChanged, []string{"dependency base"}},
		"argument made of the dependency's reference": {
			[]Input{arg("BASE", "1", "base"), dependency("1")}, []Input{arg("BASE", "2", "base"), dependency("2")},
			ReasonDependencyChanged, []string{"arg BASE", "dependency base"},
		},
		"argument made of another dependency": {
			[]Input{arg("BASE", "1", "other"), dependency("1")}, []Input{arg("BASE", "2", "other"), dependency("2")},
			ReasonInputsChanged, []string{"arg BASE", "dependency base"},
		},
		"argument changed, its dependency not": {
			[]Input{arg("BASE", "1", "base"), dependency("1")}, []Input{arg("BASE", "2", "base"), dependency("1")},
			ReasonInputsChanged, []string{"arg BASE"},
		},
		"own change before a dependency's": {
			[]Input{file("a", "1"), dependency("1")}, []Input{file("a", "2"), dependency("2")},
			ReasonInputsChanged, []string{"dependency base", "file app/a"},
		},
		"base moved": {[]Input{image("a:1")}, []Input{image("a:2")}, ReasonBaseMoved, []string{"image a:1", "image a:2"}},
		"dependency before base": {
			[]Input{image("a:1"), dependency("1")}, []Input{image("a:2"), dependency("2")},
			ReasonDependencyChanged, []string{"dependency base", "image a:1", "image a:2"},
		},
		"refresh": {[]Input{refresh("1")}, []Input{refresh("2")}, ReasonRefreshDue, []string{"refresh 24h0m0s"}},
		"base before refresh": {
			[]Input{refresh("1"), image("a:1")}, []Input{refresh("2"), image("a:2")},
			ReasonBaseMoved, []string{"image a:1", "image a:2", "refresh 24h0m0s"},
		},
		"kinds of one name": {
			[]Input{{Kind: inputLabel, Name: "x", Digest: "1"}}, []Input{{Kind: inputAnnotation, Name: "x", Digest: "1"}},
			ReasonInputsChanged, []string{"annotation x", "label x"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reason, changes, ok := compare(&Inputs{List: test.old}, &Inputs{List: test.now}, "app")
			if reason != test.reason || !slices.Equal(changes, test.changes) || ok != (test.reason != "") {
				t.Errorf("compare gave %q %q %v, want %q %q", reason, changes, ok, test.reason, test.changes)
			}
		})
	}
}

func TestInputLabel(t *testing.T) {
	tests := map[string]Input{
		"file app/main.go":        {Kind: inputFile, Name: "main.go"},
		`file "app/a\nb"`:         {Kind: inputFile, Name: "a\nb"},
		`file "app/\xff"`:         {Kind: inputFile, Name: "\xff"},
		"dockerfile":              {Kind: inputDockerfile},
		"arg VERSION":             {Kind: inputArg, Name: "VERSION"},
		"arg linux/arm64 CFLAGS":  {Kind: inputArg, Name: "linux/arm64 CFLAGS"},
		`label "a\tb"`:            {Kind: inputLabel, Name: "a\tb"},
		"context proto/a.proto":   {Kind: inputContext, Name: "proto/a.proto"},
		"dependency app[\"api\"]": {Kind: inputDependency, Name: `app["api"]`},
	}
	for want, in := range tests {
		if got := in.Label("app"); got != want {
			t.Errorf("Label of %q is %s, want %s", in, got, want)
		}
	}
}

// The encoding must not let strings run into each other.
func TestSumTellsListsApart(t *testing.T) {
	lists := [][]Input{
		nil,
		{{}},
		{{}, {}},
		{{Kind: "ab", Name: "c"}},
		{{Kind: "a", Name: "bc"}},
		{{Kind: "a", Name: "b", Digest: "c"}},
		{{Kind: "abc"}},
		{{Kind: "a"}, {Kind: "b"}},
		{{Kind: "b"}, {Kind: "a"}},
		{{Kind: "a\x00b"}},
		{{Kind: "a", Name: "\x00b"}},
	}
	seen := map[string]int{}
	for i, l := range lists {
		if j, ok := seen[sum(l)]; ok {
			t.Errorf("lists %d and %d have one sum", j, i)
		}
		seen[sum(l)] = i
	}
	if sum([]Input{{Kind: "arg", Name: "A", Through: []string{"x"}}}) != sum([]Input{{Kind: "arg", Name: "A"}}) {
		t.Error("what an argument was made of is in the hash; only its value should be")
	}
	if digest("a", "b") == digest("ab") || digest("a", "b") == digest("b", "a") {
		t.Error("parts of a digest run into each other")
	}
}
