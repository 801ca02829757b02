package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
)

// TestFingerprints: a remembered digest is used only while nothing about the
// file has changed, and a damaged cache is an empty one.
func TestFingerprints(t *testing.T) {
	dir, cache := t.TempDir(), filepath.Join(t.TempDir(), "sub", "cache")
	write(t, dir, map[string]string{"app/f": "one"})
	old := time.Now().Add(-time.Hour)
	digest := func() string {
		t.Helper()
		tree, err := source.New(dir, source.Options{CachePath: cache})
		if err != nil {
			t.Fatal(err)
		}
		s, err := tree.Set(t.Context(), planner.SourceSpec{Context: "app"})
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.Save(); err != nil {
			t.Fatal(err)
		}
		return s.Files[0].Digest
	}
	age := func() {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, "app/f"), old, old); err != nil {
			t.Fatal(err)
		}
	}
	age()
	first := digest()
	if again := digest(); again != first {
		t.Fatalf("digest %s, then %s", first, again)
	}
	// The same size and modification time: only the change time differs.
	write(t, dir, map[string]string{"app/f": "two"})
	age()
	second := digest()
	if second == first {
		t.Fatal("a change with the old modification time went unseen")
	}
	for _, damage := range []string{"", "x", strings.Repeat("y", 500)} {
		if err := os.MkdirAll(filepath.Dir(cache), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cache, []byte(damage), 0o644); err != nil {
			t.Fatal(err)
		}
		if have := digest(); have != second {
			t.Errorf("with a damaged cache: %s, want %s", have, second)
		}
	}
}
