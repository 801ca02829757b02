package report_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// twoBuilds is a run in which two builds talk at once.
func twoBuilds() []executor.Event {
	a, b, c := build("a", amd64), build("b", amd64), build("c", amd64)
	started := executor.Event{Type: executor.EventStepStarted, Attempt: 1}
	line := func(text string) executor.Event { return executor.Event{Type: executor.EventStepLog, Line: text} }
	done := executor.Event{Type: executor.EventStepFinished, Status: executor.StatusBuilt, DurationMS: 1000}
	failed := executor.Event{Type: executor.EventStepFinished, Status: executor.StatusFailed, Error: "no"}
	return []executor.Event{
		{Type: executor.EventRunStarted, Time: start(), Steps: 4},
		at(0, a, started), at(1, a, line("a1")), at(2, b, started), at(3, b, line("b1")), at(4, a, line("a2 ##[error]x")),
		at(5, c, started), at(6, c, line("c1")), at(7, b, failed),
		at(8, step(planner.KindPush, "z"), executor.Event{Type: executor.EventStepFinished, Status: executor.StatusPushed}),
		at(9, a, done), at(10, c, line("c2")), at(11, c, done),
	}
}

func TestPlainIsGrouped(t *testing.T) {
	plain := `[a linux/amd64] building
[a linux/amd64] a1
[a linux/amd64] a2 ##[error]x
[a linux/amd64] built in 1.0s [3/4]
[b linux/amd64] building
[b linux/amd64] b1
[b linux/amd64] FAILED after 0.0s [1/4]: no
[push z] pushed in 0.0s [2/4]
[c linux/amd64] building
[c linux/amd64] c1
[c linux/amd64] c2
[c linux/amd64] built in 1.0s [4/4]
`
	got := &strings.Builder{}
	play(&report.Plain{W: got}, twoBuilds())
	if got.String() != plain {
		t.Errorf("got\n%s\nwant\n%s", got, plain)
	}
	for fold, want := range map[report.Fold]string{
		report.FoldGitHub: "::group::b linux/amd64\n[b linux/amd64] building\n[b linux/amd64] b1\n::endgroup::\n[b linux/amd64] FAILED",
		report.FoldGitLab: "\x1b[0Ksection_start:1772366400:stowage_2[collapsed=true]\r\x1b[0Kb linux/amd64\n[b linux/amd64] building\n[b linux/amd64] b1\n" +
			"\x1b[0Ksection_end:1772366400:stowage_2\r\x1b[0K\n[b linux/amd64] FAILED",
	} {
		got := &strings.Builder{}
		play(&report.Plain{W: got, Fold: fold}, twoBuilds())
		if !strings.Contains(got.String(), want) {
			t.Errorf("%s: no\n%q in\n%q", fold, want, got)
		}
		if begun, ended := strings.Count(got.String(), "group::")+strings.Count(got.String(), "section_"), 6; begun != ended {
			t.Errorf("%s: %d marks, want %d", fold, begun, ended)
		}
		if fold == report.FoldGitHub && strings.Contains(got.String(), "##[") {
			t.Errorf("a build gives GitHub commands: %q", got)
		}
	}
}

// TestPlainOfACutOffRun: what was kept back is told at the end.
func TestPlainOfACutOffRun(t *testing.T) {
	got := &strings.Builder{}
	p := &report.Plain{W: got, Fold: report.FoldGitHub}
	play(p, twoBuilds()[:8])
	if strings.Contains(got.String(), "b1") {
		t.Errorf("told at once: %s", got)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"] b1\n", "] c1\n"} {
		if strings.Count(got.String(), want) != 1 {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Count(got.String(), "::endgroup::") != 3 {
		t.Errorf("groups are left open:\n%s", got)
	}
}

func TestFoldOf(t *testing.T) {
	for name, want := range map[string]report.Fold{"GITHUB_ACTIONS": report.FoldGitHub, "GITLAB_CI": report.FoldGitLab, "CI": ""} {
		got := report.FoldOf(func(n string) string {
			if n == name {
				return "true"
			}
			return ""
		})
		if got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// TestFailureOnGitHub: a failed build is shown at its Dockerfile's line.
func TestFailureOnGitHub(t *testing.T) {
	for excerpt, want := range map[string]string{
		"a/Dockerfile:4\n---\n 4 | >>> RUN false": "::error file=a/Dockerfile,line=4,title=app[\"x,y\"] linux/amd64::RUN 100%25 false%0Aended\n",
		"dockerfile_inline of app:2\n---":         "::error title=app[\"x%2Cy\"] linux/amd64::RUN 100%25 false%0Aended\n",
		"":                                        "::error title=app[\"x%2Cy\"] linux/amd64::RUN 100%25 false%0Aended\n",
	} {
		want = strings.ReplaceAll(want, "x,y", "x%2Cy")
		for fold, shown := range map[report.Fold]bool{report.FoldGitHub: true, report.FoldGitLab: false} {
			got := &strings.Builder{}
			p := &report.Plain{W: got, Fold: fold}
			p.Report(executor.Event{Type: executor.EventStepFinished, Step: "s", Kind: planner.KindBuild, Package: `app["x,y"]`, Platform: "linux/amd64",
				Status: executor.StatusFailed, Error: "RUN 100% false\nended", Excerpt: excerpt})
			if strings.HasSuffix(got.String(), "\n"+want) != shown {
				t.Errorf("%s, %q: got\n%s\nwant %q at its end: %v", fold, excerpt, got, want, shown)
			}
		}
	}
}
