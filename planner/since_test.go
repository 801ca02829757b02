package planner_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

// changes is a report, a line for each package.
func changes(r *planner.ChangeReport) []string {
	var out []string
	for _, p := range r.Packages {
		line := fmt.Sprintf("%s %s %s %s %s", p.Change, p.Name, p.Reason, strings.Join(p.Changes, ","), strings.Join(p.Platforms, ","))
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

func TestSince(t *testing.T) {
	old := inline(map[string]string{
		"base": "args = { V = \"1\" }\n", "app": from("FROM registry.test/acme/base"),
		"top": from("FROM registry.test/acme/app"), "same": "", "gone": "", "wide": "platforms = [\"linux/amd64\"]\n", "named": "",
	})
	now := inline(map[string]string{
		"base": "args = { V = \"2\" }\n", "app": from("FROM registry.test/acme/base"),
		"top": from("FROM registry.test/acme/app"), "same": "", "new": "", "wide": "", "named": "image = \"other\"\n",
	})
	for name, test := range map[string]struct {
		old   *planner.Resolved
		names []string
		want  []string
	}{
		"all": {old: resolve(t, old), want: []string{
			"rebuilt base inputs_changed arg V linux/amd64,linux/arm64",
			"rebuilt app dependency_changed dependency base linux/amd64,linux/arm64",
			"rebuilt named missing ref registry.test/acme/other:" + resolve(t, now).Package("named").Tag + " linux/amd64,linux/arm64",
			"added new linux/amd64,linux/arm64",
			"rebuilt top dependency_changed dependency app linux/amd64,linux/arm64",
			"rebuilt wide platform_missing platform linux/arm64 linux/arm64",
			"removed gone",
		}},
		"selected": {old: resolve(t, old), names: []string{"app", "same"}, want: []string{
			"rebuilt app dependency_changed dependency base linux/amd64,linux/arm64",
		}},
		"nothing before": {names: []string{"same"}, want: []string{"added same linux/amd64,linux/arm64"}},
		"the same":       {old: resolve(t, now)},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := planner.Since(test.old, resolve(t, now), test.names)
			if err != nil {
				t.Fatal(err)
			}
			got := changes(r)
			if name == "all" { // dependencies come first; siblings by name
				equalSets(t, got, test.want)
				return
			}
			equal(t, "changes", got, test.want)
		})
	}
}

func equalSets(t *testing.T, got, want []string) {
	t.Helper()
	place := map[string]int{}
	for i, line := range got {
		place[line] = i + 1
	}
	for _, line := range want {
		if place[line] == 0 {
			t.Errorf("no %q in %q", line, got)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d changes, want %d", len(got), len(want))
	}
	if !(place[want[0]] < place[want[1]] && place[want[1]] < place[want[4]]) {
		t.Errorf("dependents are before dependencies: %q", got)
	}
}

// What is kept beside an image is believed only if it gives the hash it says.
func TestUnmarshalInputs(t *testing.T) {
	in := resolve(t, inline(map[string]string{"app": ""})).Package("app").Inputs
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := planner.UnmarshalInputs(data); err != nil || back.Hash != in.Hash {
		t.Errorf("%v, %v", back, err)
	}
	for _, bad := range []string{"", "{}", strings.Replace(string(data), "dockerfile", "dockerfil", 1)} {
		if _, err := planner.UnmarshalInputs([]byte(bad)); err == nil {
			t.Errorf("%q is believed", bad)
		}
	}
}
