package report

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

func TestSince(t *testing.T) {
	r := &planner.ChangeReport{
		Since: planner.SinceInfo{Revision: "main", Commit: "0123456789abcdef0123456789abcdef01234567"}, Unchanged: 12,
		Packages: []planner.PackageChange{
			{Name: "base", Change: planner.ChangeRebuilt, Reason: planner.ReasonInputsChanged, Changes: []string{"file base/main.go", "arg V"}},
			{Name: "tools", Change: planner.ChangeAdded},
			{Name: "old", Change: planner.ChangeRemoved},
		},
	}
	var b strings.Builder
	if err := Since(&b, r, PlanOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `  ~  base   inputs_changed: file base/main.go, arg V
  +  tools  added
  -  old    removed

Since main (0123456789ab): 1 added, 1 rebuilt, 1 removed; 12 unchanged.
`
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	b.Reset()
	if err := Since(&b, &planner.ChangeReport{Since: r.Since}, PlanOptions{}); err != nil || b.String() != "Since main (0123456789ab): no package changes.\n" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

func TestSinceMarkdown(t *testing.T) {
	r := &planner.ChangeReport{
		Since: planner.SinceInfo{Revision: "origin/main", Commit: "0123456789abcdef"}, Unchanged: 12,
		Packages: []planner.PackageChange{
			{Name: "base", Change: planner.ChangeRebuilt, Platforms: []string{"linux/amd64"}, Reason: planner.ReasonInputsChanged, Changes: []string{"file a|b"}},
			{Name: "old", Change: planner.ChangeRemoved},
		},
	}
	var b strings.Builder
	if err := SinceMarkdown(&b, r); err != nil {
		t.Fatal(err)
	}
	want := "### Stowage changes: 0 added, 1 rebuilt, 1 removed\n\nSince origin/main (0123456789ab): 0 added, 1 rebuilt, 1 removed; 12 unchanged.\n\n" +
		"| | Package | Platforms | Why |\n|---|---|---|---|\n| `~` | `base` | linux/amd64 | inputs changed: `file a\\|b` |\n| `-` | `old` |  | removed |\n\n"
	if b.String() != want {
		t.Errorf("got\n%q\nwant\n%q", b.String(), want)
	}
	for range 3000 {
		r.Packages = append(r.Packages, planner.PackageChange{Name: strings.Repeat("long", 10), Change: planner.ChangeAdded})
	}
	b.Reset()
	if err := SinceMarkdown(&b, r); err != nil || len(b.String()) > MarkdownLimit || !strings.Contains(b.String(), "Left out to fit a comment") {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}
