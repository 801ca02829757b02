package schedule_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stowage-build/stowage/executor/schedule"
)

// TestAffinityToKept: a build goes where what it needs was built earlier, if that
// is used again; but rather where it was built itself, and where what it needs was
// built in this run.
func TestAffinityToKept(t *testing.T) {
	var builders []schedule.Builder
	for i := range 8 {
		builders = append(builders, schedule.Builder{Name: fmt.Sprintf("b%d", i), Slots: 5})
	}
	kept := func(on int) schedule.Task { return schedule.Task{Package: "kept", Last: builders[on].Name} }
	user := func(last string, needs ...int) schedule.Task {
		b := build("user", amd64, 1, needs...)
		b.Last = last
		return b
	}
	for on := range builders {
		next := (on + 1) % len(builders)
		made := build("base", amd64, 1)
		made.Last = builders[next].Name
		for name, c := range map[string]struct {
			tasks []schedule.Task
			want  int
		}{
			"kept":                 {[]schedule.Task{kept(on), user("", 0)}, on},
			"most of what is kept": {[]schedule.Task{kept(on), kept(next), kept(on), user("", 0, 1, 2)}, on},
			"its own last build":   {[]schedule.Task{kept(next), user(builders[on].Name, 0)}, on},
			"made in this run":     {[]schedule.Task{kept(on), made, user("", 0, 1)}, next},
		} {
			got := where(simulate(t, c.tasks, builders, schedule.Options{}))
			if got[len(got)-1] != c.want {
				t.Errorf("%s on %d: it went to %v, want %d", name, on, got, c.want)
			}
		}
	}
	gone := []schedule.Task{{Package: "kept", Last: "gone"}, user("", 0)}
	without := []schedule.Task{{Package: "kept"}, user("", 0)}
	if got, want := where(simulate(t, gone, builders, schedule.Options{})), where(simulate(t, without, builders, schedule.Options{})); !slices.Equal(got, want) {
		t.Errorf("where a builder is gone it goes to %v, want %v", got, want)
	}
}
