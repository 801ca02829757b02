package source_test

import (
	"path/filepath"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
)

// TestOmitOutputs: outputs, which are known only when the configuration is, are
// in no set unless git tracks them, whatever has been looked at before.
func TestOmitOutputs(t *testing.T) {
	for _, inGit := range []bool{false, true} {
		dir := t.TempDir()
		write(t, dir, map[string]string{"app/f": "1", "app/dist/tracked": "1"})
		if inGit {
			commit(t, dir)
		}
		write(t, dir, map[string]string{"app/dist/new": "", "app/abs": "", "app/distant": ""})
		tree, err := source.New(dir, source.Options{})
		must(t, err)
		tree.Prefetch(t.Context())
		tree.OmitOutputs([]string{"app/dist", filepath.Join(dir, "app/abs"), "../elsewhere", "."})
		s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
		must(t, err)
		want := map[bool]int{true: 3, false: 2}[inGit]
		if len(s.Files) != want {
			t.Errorf("in git %v: files %q, want %d", inGit, listed(s), want)
		}
		must(t, tree.Close())
	}
}
