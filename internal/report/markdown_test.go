package report_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

func markdown(t *testing.T, p *planner.Plan) string {
	t.Helper()
	got := &strings.Builder{}
	if err := report.Markdown(got, p); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

func TestMarkdown(t *testing.T) {
	for name, plan := range map[string]*planner.Plan{
		"first": firstPlan(), "change": changePlan(), "nothing": nothingPlan(), "errors": errorPlan(),
	} {
		t.Run(name, func(t *testing.T) { golden(t, "plan_"+name+".golden.md", markdown(t, plan)) })
	}
}

// wide is a plan of n packages that each need the one before, all to be built.
func wide(n int, change string) *planner.Plan {
	var packages []planner.PackageInfo
	var steps []planner.Step
	for i := range n {
		name := fmt.Sprintf("package-%d", i)
		packages = append(packages, pkg(name, "linux/amd64"))
		s := in(1+i/20, build(name, "linux/amd64"), planner.ReasonDependencyChanged, "dependency "+change)
		if i == 0 {
			s.Reason = planner.ReasonInputsChanged
		} else {
			s.Needs = []string{fmt.Sprintf("build:package-%d:linux/amd64", i-1)}
		}
		steps = append(steps, s)
	}
	return makePlan(packages, steps...)
}

// TestMarkdownFits: however large the plan, the comment fits, is whole, and says
// what is not in it.
func TestMarkdownFits(t *testing.T) {
	for _, n := range []int{1, 50, 400, 1500} {
		got := markdown(t, wide(n, strings.Repeat("long-name/", 8)))
		if size := utf8.RuneCountInString(got); size > report.MarkdownLimit {
			t.Errorf("%d packages: %d characters", n, size)
		}
		if strings.Count(got, "<details>") != strings.Count(got, "</details>") || strings.Count(got, "```")%2 != 0 {
			t.Errorf("%d packages: something is left open", n)
		}
		if cut := strings.Contains(got, "Left out to fit a comment"); cut != (n == 1500) {
			t.Errorf("%d packages: cut is %v", n, cut)
		}
		if !strings.Contains(got, "| 1 | `package-0` |") {
			t.Errorf("%d packages: the first is not in the table", n)
		}
	}
}

// TestMarkdownGraph: what is too large to read is drawn smaller, or not at all.
func TestMarkdownGraph(t *testing.T) {
	if got := markdown(t, wide(50, "x")); !strings.Contains(got, "<summary>Graph</summary>") || strings.Count(got, " --> ") != 49 {
		t.Errorf("50 packages:\n%s", got)
	}
	if got := markdown(t, wide(200, "x")); strings.Contains(got, "mermaid") || !strings.Contains(got, "A graph of 200 packages is too large") {
		t.Errorf("200 packages:\n%s", got)
	}
	p := wide(200, "x")
	for i := range 10 {
		p.Steps[i].Reason = planner.ReasonInputsChanged
	}
	if got := markdown(t, p); !strings.Contains(got, "<summary>Graph of what changed itself</summary>") || strings.Count(got, " --> ") != 9 {
		t.Errorf("10 of 200 changed:\n%s", got)
	}
}

// TestMarkdownCauses: the sentence tells what changed from what is only not
// there.
func TestMarkdownCauses(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "top"}
	reasons := []planner.Reason{
		planner.ReasonMissing, planner.ReasonInputsChanged, planner.ReasonInputsChanged, planner.ReasonBaseMoved,
		planner.ReasonMissing, planner.ReasonMissing, planner.ReasonDependencyChanged,
	}
	var infos []planner.PackageInfo
	var steps []planner.Step
	for i, name := range names {
		infos = append(infos, pkg(name, "linux/amd64"))
		steps = append(steps, in(1, build(name, "linux/amd64"), reasons[i]))
	}
	const want = "because `b`, `c` changed, `d` has a new base and `a`, `e`, `f` are missing."
	if got := markdown(t, makePlan(infos, steps...)); !strings.Contains(got, want) {
		t.Errorf("it does not say %s\n%s", want, got)
	}
}

// TestMarkdownEscapes: no name, change or remark is taken for markup.
func TestMarkdownEscapes(t *testing.T) {
	name := "app[\"a|b`c\"]"
	p := makePlan([]planner.PackageInfo{pkg(name, "linux/amd64")},
		in(1, build(name, "linux/amd64"), planner.ReasonInputsChanged, "file <img src=x>|`y\n## title"))
	p.Diagnostics = []planner.Diagnostic{{Severity: "warning", Summary: "<script> @team #12 [x](y)", Detail: "line\n# head"}}
	got := markdown(t, p)
	for _, want := range []string{"`` app[\"a\\|b`c\"] ``", "`` file <img src=x>\\|`y ## title ``", `&lt;script&gt; @` + "\u200b" + `team \#12 \[x\](y)`, `> \# head`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestPlanGraphs(t *testing.T) {
	for name, write := range map[string]func(*strings.Builder) error{
		"plan_change.golden.dot":     func(w *strings.Builder) error { return report.PlanDot(w, changePlan()) },
		"plan_change.golden.mermaid": func(w *strings.Builder) error { return report.PlanMermaid(w, changePlan()) },
	} {
		got := &strings.Builder{}
		if err := write(got); err != nil {
			t.Fatal(err)
		}
		golden(t, name, got.String())
	}
}
