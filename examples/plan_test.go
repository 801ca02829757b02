// Package examples_test plans every workspace of this folder.
package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/planner"
	"github.com/stowage-build/stowage/schema"
)

// variables are the values that workspaces ask for, by directory.
var variables = map[string][]schema.Var{
	"library/images": {{Name: "greeting", Value: "hello"}},
}

func TestEveryExampleIsPlanned(t *testing.T) {
	planned := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "stowage.hcl" {
			return err
		}
		dir := filepath.Dir(path)
		root, err := stowage.FindRoot(dir)
		if err != nil {
			return err
		}
		if abs, err := filepath.Abs(dir); err != nil || abs != root {
			return err
		}
		planned++
		t.Run(dir, func(t *testing.T) { checkPlan(t, dir) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if planned < 6 {
		t.Errorf("%d workspaces were planned, want at least six", planned)
	}
}

// checkPlan plans a workspace with an empty store and no registry: every node
// is built, and there is nothing to warn of.
func checkPlan(t *testing.T, dir string) {
	opts := stowage.Options{StoreDir: t.TempDir(), Vars: variables[filepath.ToSlash(dir)]}
	ws, err := stowage.Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	plan, err := ws.Plan(t.Context(), stowage.PlanOptions{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for _, p := range plan.Packages {
		nodes += len(p.Platforms)
	}
	if nodes == 0 || plan.Summary.Build != nodes || !plan.Applyable {
		t.Errorf("%d nodes; the plan is to build %d, applyable %v", nodes, plan.Summary.Build, plan.Applyable)
	}
	for _, warning := range ws.Warnings {
		t.Errorf("warning: %v", warning)
	}
	for _, d := range plan.Diagnostics {
		// Their base images are in a registry that is made for them, so there is
		// nothing to lock.
		if d.Summary != "External images are not locked" {
			t.Errorf("diagnostic: %+v", d)
		}
	}
	checkFormat(t, dir)
}

func checkFormat(t *testing.T, dir string) {
	source, err := os.ReadFile(filepath.Join(dir, "stowage.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	formatted, diags := schema.Format(source, "stowage.hcl")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if string(formatted) != string(source) {
		t.Errorf("stowage fmt would change stowage.hcl")
	}
}

// TestQuickstartInWaves: the demo's order is worth keeping: base, then the
// tool, then the services.
func TestQuickstartInWaves(t *testing.T) {
	ws, err := stowage.Open(t.Context(), "quickstart", stowage.Options{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Close()
	plan, err := ws.Plan(t.Context(), stowage.PlanOptions{Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"base": 1, "banner": 2, `service["api"]`: 3, `service["web"]`: 3}
	for _, step := range plan.Steps {
		if step.Kind == planner.KindBuild && step.Wave != want[step.Package] {
			t.Errorf("%s is in wave %d, want %d", step.ID, step.Wave, want[step.Package])
		}
	}
}
