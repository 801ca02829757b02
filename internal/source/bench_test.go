package source_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"os"

	"golang.org/x/sync/errgroup"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
)

// BenchmarkSets reads the sets of 5,000 packages of 10 files, as planning does:
// cold without remembered digests, warm with them, git alone as the floor.
func BenchmarkSets(b *testing.B) {
	const packages = 5000
	dir, cache := b.TempDir(), filepath.Join(b.TempDir(), "cache")
	content := make([]byte, 4096)
	old := time.Now().Add(-time.Hour)
	for p := range packages {
		pkg := filepath.Join(dir, fmt.Sprintf("pkg/p%04d", p))
		must(b, os.MkdirAll(filepath.Join(pkg, "src"), 0o755))
		for f := range 10 {
			copy(content, fmt.Sprintf("%d %d", p, f))
			name := filepath.Join(pkg, "src", fmt.Sprintf("f%d", f))
			must(b, os.WriteFile(name, content, 0o644))
			must(b, os.Chtimes(name, old, old))
		}
		must(b, os.WriteFile(filepath.Join(pkg, "Dockerfile"), []byte("FROM scratch\n"), 0o644))
	}
	git(b, dir, "init", "-q")
	git(b, dir, "config", "gc.auto", "0") // in the background it would go on after the end
	commit(b, dir)
	read := func(b *testing.B, cache string) {
		tree, err := source.New(dir, source.Options{CachePath: cache})
		must(b, err)
		var group errgroup.Group
		group.SetLimit(2 * runtime.GOMAXPROCS(0))
		for p := range packages {
			group.Go(func() error {
				_, err := tree.Set(b.Context(), planner.SourceSpec{Context: fmt.Sprintf("pkg/p%04d", p), Dockerfile: "Dockerfile"})
				return err
			})
		}
		must(b, group.Wait())
		must(b, tree.Save())
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			read(b, "")
		}
	})
	time.Sleep(3 * time.Second) // what has just been made is not remembered
	read(b, cache)
	b.Run("warm", func(b *testing.B) {
		for b.Loop() {
			read(b, cache)
		}
	})
	b.Run("git", func(b *testing.B) {
		for b.Loop() {
			must(b, tryGit(dir, "status", "--porcelain"))
			must(b, tryGit(dir, "ls-files", "-s"))
		}
	})
}
