package arch_test

import (
	"slices"
	"strings"
	"testing"
)

// TestBreachesAreSeen has a file for each rule, and what is said of it.
func TestBreachesAreSeen(t *testing.T) {
	for _, test := range []struct {
		file, source string
		want         []string
	}{
		{"schema/x.go", `; import "github.com/stowage-build/stowage/graph"`,
			[]string{"schema must not import github.com/stowage-build/stowage/graph"}},
		{"graph/x.go", `; import s "github.com/stowage-build/stowage/schema"`,
			[]string{"graph must not import github.com/stowage-build/stowage/schema"}},
		{"graph/x.go", `; import "github.com/stowage-build/stowage"`,
			[]string{"graph must not import github.com/stowage-build/stowage"}},
		{"planner/sub/x.go", `; import "github.com/stowage-build/stowage/executor"`,
			[]string{"planner must not import github.com/stowage-build/stowage/executor"}},
		{"planner/x.go", `; import ("github.com/stowage-build/stowage/schema"; "github.com/stowage-build/stowage/graph")`, nil},
		{"executor/x.go", `; import "github.com/stowage-build/stowage/internal/fake"`,
			[]string{"executor must not import github.com/stowage-build/stowage/internal/fake"}},
		{"executor/x_test.go", `; import "github.com/stowage-build/stowage/internal/fake"`,
			[]string{"executor must not import github.com/stowage-build/stowage/internal/fake"}},
		{"executor/x_test.go", `_test; import ("github.com/stowage-build/stowage/internal/fake"; "github.com/stowage-build/stowage/executor")`, nil},
		{"executor/x.go", `; import "github.com/stowage-builder/other"`, nil},
		{"schema/x.go", `; import "os"; var x = os.Getenv("X")`,
			[]string{"schema must not use os.Getenv"}},
		{"schema/x.go", `; import . "os"; var x = Getenv("X")`,
			[]string{"import of os into the file's own names"}},
		{"schema/x.go", `; import system "os"; func f() { system.Exit(1) }`,
			[]string{"schema must not use os.Exit"}},
		{"planner/x.go", `; import ("fmt"; "os"); func f() { fmt.Println(); fmt.Fprintln(os.Stdout) }`,
			[]string{"planner must not use fmt.Println", "planner must not use os.Stdout"}},
		{"planner/x.go", `; import "net/http"; var x http.Client`,
			[]string{"planner must not use net/http.Client"}},
		{"executor/x.go", `; import "time"; var x = time.Now()`,
			[]string{"executor must not ask the time itself: time.Now"}},
		{"executor/x.go", `; import "time"; type p struct{ clock func() time.Time }; func f(x p) { x.clock = time.Now }`, nil},
		{"executor/x_test.go", `; import ("os"; "time"); var x = os.Getenv(time.Now().String())`, nil},
		{"schema/x.go", `; import "io/fs"; type os struct{ Getenv int }; func f(os os, _ fs.FS) { _ = os.Getenv }`, nil},
	} {
		got, err := breaches(test.file, []byte("package x"+test.source))
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
		}
		for i, breach := range got {
			got[i] = strings.TrimPrefix(breach, test.file+":1:")
			_, got[i], _ = strings.Cut(got[i], ": ")
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s\n\tgot  %q\n\twant %q", test.source, got, test.want)
		}
	}
}
