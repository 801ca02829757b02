package dockerfile_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/dockerfile"
	"github.com/stowage-build/stowage/planner"
)

// TestContexts: a named context takes the place of images and stages.
func TestContexts(t *testing.T) {
	const content = "FROM alpine AS a\nFROM ghcr.io/acme/base:latest AS b\nFROM b\nCOPY --from=a / /\nCOPY --from=tool /t /t\n"
	df, err := dockerfile.Analyzer{}.Analyze([]byte(content), planner.AnalyzeOptions{
		Platform: "linux/amd64", Native: "linux/amd64",
		Contexts: []string{"a", "tool", "ghcr.io/acme/base", "unused"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, i := range df.Images {
		have = append(have, fmt.Sprintf("%d %s %s", i.Line, i.Instruction, i.Context))
	}
	want := []string{"1 FROM a", "2 FROM ghcr.io/acme/base", "5 COPY --from tool"}
	if !slices.Equal(have, want) {
		t.Fatalf("contexts %q, want %q", have, want)
	}
}

// TestErrors: a mistake has its line, and words to mend it by.
func TestErrors(t *testing.T) {
	for content, want := range map[string]string{
		"FROM alpine\n\nFORM x\n":           "line 3: unknown instruction: FORM",
		"ARG X\nFROM $X\n":                  "line 2: base name ($X) should not be blank",
		"FROM alpine\nCOPY --from=$X a b\n": "line 2: variable expansion is not supported",
		"# only a comment\n":                "file with no instructions",
	} {
		_, err := dockerfile.Analyzer{}.Analyze([]byte(content), planner.AnalyzeOptions{Platform: "linux/amd64", Native: "linux/amd64"})
		var at *dockerfile.Error
		if !errors.As(err, &at) {
			t.Errorf("%q: %v is no *Error", content, err)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
	_, err := dockerfile.Analyzer{}.Analyze([]byte("FROM a AS release\n"), planner.AnalyzeOptions{Target: "relaese", Platform: "linux/amd64", Native: "linux/amd64"})
	if err == nil || !strings.Contains(err.Error(), `did you mean "release"?`) {
		t.Errorf("wrong target: %v", err)
	}
}

// TestArgs lists the ARGs of all stages.
func TestArgs(t *testing.T) {
	df, err := dockerfile.Analyzer{}.Analyze([]byte("# syntax=acme/frontend:1\nARG B=1\nFROM a\nARG A C=2\n"), planner.AnalyzeOptions{Platform: "linux/amd64", Native: "linux/amd64"})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"A", "B", "C"}; !slices.Equal(df.Args, want) {
		t.Errorf("args %q, want %q", df.Args, want)
	}
	if df.Syntax != "acme/frontend:1" {
		t.Errorf("syntax %q", df.Syntax)
	}
}

// TestNameArgs lists the ARGs whose values reach nothing but FROM.
func TestNameArgs(t *testing.T) {
	for name, test := range map[string]struct{ content, trigger, want string }{
		"before FROM":          {content: "ARG A B=1\nFROM $A AS x\nFROM x\nARG C\n", want: "A B"},
		"in a stage too":       {content: "ARG A B\nFROM $A\nFROM $B\nARG B\nRUN $B\n", want: "A"},
		"instead of another":   {content: "ARG A B\nARG C=${A:-$B}\nFROM $A\nARG C\n"},
		"in a default":         {content: "ARG A B\nARG C=${A}/x\nFROM $C\nARG D=$B\n", want: "B C"},
		"by a default":         {content: "ARG A\nARG C=${A:-x}\nFROM $C\n", want: "C"},
		"another frontend":     {content: "# syntax=acme/frontend:1\nARG A\nFROM $A\n"},
		"a known frontend":     {content: "# syntax=docker/dockerfile:1\nARG A\nFROM $A\n", want: "A"},
		"its own ONBUILD":      {content: "ARG A\nFROM $A\nONBUILD ARG A\n"},
		"ONBUILD of the base":  {content: "ARG A\nFROM base\n", trigger: "arg A"},
		"ONBUILD of something": {content: "ARG A\nFROM base\n", trigger: "RUN true", want: "A"},
		"after FROM alone":     {content: "FROM base\nARG A\n"},
	} {
		opts := planner.AnalyzeOptions{Platform: "linux/amd64", Native: "linux/amd64", Args: map[string]string{"A": "a", "B": "b"}}
		if test.trigger != "" {
			opts.OnBuild = map[string][]string{"base": {test.trigger}}
		}
		df, err := dockerfile.Analyzer{}.Analyze([]byte(test.content), opts)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := strings.Join(df.NameArgs, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestFromArgs lists the ARGs whose values may choose a base.
func TestFromArgs(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"name":               {"ARG A=1 B\nFROM $A\nARG A\nARG B\n", "A"},
		"platform":           {"ARG A=1 B\nFROM --platform=${A} x\nARG A\nARG B\n", "A"},
		"a default":          {"ARG A=1\nARG C\nARG B=x:$A\nFROM ${B}\nARG A\nARG C\n", "A B"},
		"defaults, inverted": {"ARG B=x:$A\nARG A=$D\nARG D\nFROM ${B}\n", "A B D"},
		"instead of another": {"ARG A B\nFROM ${A:-$B}\n", "A B"},
		"a later stage":      {"ARG A=1\nFROM x AS y\nFROM $A\nARG A\n", "A"},
		"another frontend":   {"# syntax=acme/frontend:1\nARG A\nFROM $A\nARG A\n", "A"},
		"its own ONBUILD":    {"ARG A\nFROM $A\nONBUILD ARG A\n", "A"},
		"stages only":        {"FROM x\nARG A\n", ""},
		"none":               {"ARG A\nFROM x\nARG A\n", ""},
	} {
		df, err := dockerfile.Analyzer{}.Analyze([]byte(test.content), planner.AnalyzeOptions{
			Platform: "linux/amd64", Native: "linux/amd64", Args: map[string]string{"A": "linux/amd64", "B": "b", "D": "d"},
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := strings.Join(df.FromArgs, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestEndlessTriggers: an image that copies from itself whenever it is copied
// from is a mistake, not an endless loop.
func TestEndlessTriggers(t *testing.T) {
	_, err := dockerfile.Analyzer{}.Analyze([]byte("FROM alpine\n"), planner.AnalyzeOptions{
		Platform: "linux/amd64", Native: "linux/amd64",
		OnBuild: map[string][]string{"alpine": {"COPY --from=alpine /a /a"}},
	})
	if err == nil || !strings.Contains(err.Error(), "without end") {
		t.Fatalf("%v", err)
	}
}

// FuzzAnalyze: no input panics.
func FuzzAnalyze(f *testing.F) {
	for _, c := range cases {
		f.Add([]byte(c.content), c.opts.Target, "")
	}
	f.Fuzz(func(_ *testing.T, content []byte, target, trigger string) {
		_, _ = dockerfile.Analyzer{}.Analyze(content, planner.AnalyzeOptions{
			Target: target, Platform: "linux/arm64", Native: "linux/amd64", OnBuild: map[string][]string{"alpine": {trigger}},
		})
	})
}

// TestRuns: the platforms whose programs the stages run that the target needs.
func TestRuns(t *testing.T) {
	for content, want := range map[string]string{
		"FROM scratch\nCOPY a /\n": "",
		"FROM alpine\nRUN ls\n":    "linux/arm64",
		"FROM --platform=$BUILDPLATFORM golang AS b\nRUN go build\nFROM scratch\nCOPY --from=b /a /\n":  "linux/amd64",
		"FROM --platform=$BUILDPLATFORM golang AS b\nFROM b\nRUN ls\n":                                  "linux/amd64",
		"FROM --platform=$BUILDPLATFORM a AS b\nRUN x\nFROM --platform=linux/s390x c\nRUN y --from=b\n": "linux/s390x",
		"FROM --platform=$BUILDPLATFORM a AS b\nRUN x\nFROM c\nRUN --mount=from=b,target=/b y\n":        "linux/amd64 linux/arm64",
		"FROM golang AS unused\nRUN ls\nFROM scratch\nCOPY --from=triggers / /\n":                       "",
		"FROM triggers\n": "linux/arm64",
		"FROM golang AS tool\nRUN ls\nFROM scratch\nCOPY --from=tool / /\n":                                 "",
		"FROM --platform=linux/arm/v7 a AS x\nFROM --platform=linux/s390x x\nRUN ls\n":                      "linux/arm/v7",
		"FROM alpine\nRUN <<EOF\nls\nEOF\nRUN [\"/bin/ls\"]\nONBUILD RUN ls\nSHELL [\"/bin/sh\", \"-c\"]\n": "linux/arm64",
	} {
		df, err := dockerfile.Analyzer{}.Analyze([]byte(content), planner.AnalyzeOptions{
			Platform: "linux/arm64", Native: "linux/amd64", Contexts: []string{"tool"},
			OnBuild: map[string][]string{"triggers": {"RUN ls"}},
		})
		if err != nil {
			t.Errorf("%q: %v", content, err)
		} else if have := strings.Join(df.Runs, " "); have != want {
			t.Errorf("%q runs programs for %q, want %q", content, have, want)
		}
	}
}

// TestBuiltIn: which frontends a builder need not pull.
func TestBuiltIn(t *testing.T) {
	for ref, want := range map[string]bool{
		"docker/dockerfile": true, "docker/dockerfile:1": true, "docker/dockerfile:1.7.0": true, "docker/dockerfile:latest": true,
		"docker.io/docker/dockerfile:1": true, "docker/dockerfile:1-labs": false, "docker/dockerfile:master": false,
		"docker/dockerfile@sha256:" + strings.Repeat("a", 64): false, "docker/dockerfile:1@sha256:" + strings.Repeat("1", 64): false,
		"docker/dockerfile-upstream:1": false, "ghcr.io/acme/frontend:1": false, "": false,
	} {
		if got := dockerfile.BuiltIn(ref); got != want {
			t.Errorf("%q is built in: %v, want %v", ref, got, want)
		}
	}
}
