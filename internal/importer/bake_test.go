package importer

import (
	"context"
	"strings"
	"testing"
)

func bakeFrom(files ...string) func(Options) (*Result, error) {
	return func(o Options) (*Result, error) { return Bake(context.Background(), o, files) }
}

// imported compares a result with what the fixture wants: its file, its notes,
// and the packages that it has.
func (f *fixture) imported(want string, do func(Options) (*Result, error)) {
	f.t.Helper()
	r := f.write(do)
	var notes, list strings.Builder
	for _, n := range r.Notes {
		notes.WriteString(n.String() + "\n")
	}
	f.want(want+"notes", notes.String())
	if len(r.Files) != 1 {
		f.t.Errorf("%d files are written", len(r.Files))
	}
	f.want(want+"stowage.hcl", string(r.Files[0].Content))
	for _, p := range f.resolved().Packages {
		list.WriteString(p.Name + " " + p.Declaration.Repository)
		for _, e := range p.Edges {
			list.WriteString(" " + e.To)
		}
		list.WriteString("\n")
	}
	f.want(want+"list", list.String())
}

// TestBake imports a bake file in HCL.
func TestBake(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("", bakeFrom("docker-bake.hcl"))
}

// TestBakeLost imports targets that cannot be packages.
func TestBakeLost(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("lost/", bakeFrom("lost.hcl"))
}

// TestBakeJSON imports a bake file in JSON.
func TestBakeJSON(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("json/", bakeFrom("docker-bake.json"))
}

// TestCompose imports a Compose file, and a bake file that changes it.
func TestCompose(t *testing.T) {
	newFixture(t, "bake.txtar", nil).imported("compose/", bakeFrom("compose.yaml", "override.hcl"))
}
