package stowage_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/fake"
	"github.com/stowage-build/stowage/internal/layout"
	"github.com/stowage-build/stowage/internal/registry"
	"github.com/stowage-build/stowage/internal/testenv"
)

// TestRequests: a plan and an apply that find everything in the registry ask
// it once for each package, and once whether it is there. What the store has
// is not asked for unless it is to be pushed.
func TestRequests(t *testing.T) {
	const n = 20
	host := testenv.NewRegistry(t).Host
	dir := t.TempDir()
	var config strings.Builder
	fmt.Fprintf(&config, "workspace {\n  name      = \"acme\"\n  registry  = %q\n  platforms = [\"linux/amd64\"]\n}\n", host+"/acme")
	for i := range n {
		from := "scratch"
		if i > 0 {
			from = fmt.Sprintf("%s/acme/p%d", host, (i-1)/2)
		}
		fmt.Fprintf(&config, "package \"p%d\" {\n  context           = \"lib\"\n  dockerfile_inline = \"FROM %s\\nCOPY . /%d\\n\"\n}\n", i, from, i)
	}
	write(t, dir, "stowage.hcl", config.String())
	write(t, dir, "lib/file", "x")
	count := &registry.Counter{}
	full, empty := t.TempDir(), t.TempDir()
	for _, test := range []struct {
		what, store string
		push        bool
		builds      int
		want        int
	}{
		{"the first push", full, true, n, -1},
		{"a push of what is there", full, true, 0, n + 1},
		{"nothing to do", full, false, 0, 0},
		{"nothing to do, in another store", empty, false, 0, n + 1},
		{"a push from another store", empty, true, 0, n + 1},
	} {
		store, err := layout.Open(test.store)
		if err != nil {
			t.Fatal(err)
		}
		// A registry of its own is what another process has.
		reg, err := registry.New(registry.Options{Store: store, Transport: count})
		if err != nil {
			t.Fatal(err)
		}
		builder := &fake.Builder{Blobs: &blobs{store.Content()}}
		ws, err := stowage.Open(t.Context(), dir, stowage.Options{
			StoreDir: test.store, Store: store, Registry: reg,
			Builders: []executor.BuilderPort{{Name: "mine", Builder: builder}},
		})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := ws.Plan(t.Context(), stowage.PlanOptions{Push: test.push})
		if err != nil {
			t.Fatal(err)
		}
		if plan.Summary.Build != test.builds {
			t.Errorf("%s: %d builds, want %d", test.what, plan.Summary.Build, test.builds)
		}
		result, err := ws.Apply(t.Context(), plan, stowage.ApplyOptions{})
		if err != nil || !result.OK() {
			t.Fatal(result, err)
		}
		if made := count.Requests(); test.want >= 0 && len(made) != test.want {
			t.Errorf("%s: %d requests, want %d:\n%s", test.what, len(made), test.want, strings.Join(made, "\n"))
		}
		if err := ws.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
