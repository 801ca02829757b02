package monorepo

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
)

// Leaf is a package that no other needs: an index into the graph.
func Leaf(packages []Package) int { return len(packages) - 1 }

// Root is the package of the first layer with the fewest dependents, direct or
// not, but some; and how many these are.
func Root(packages []Package) (root, count int) {
	dependents := make([]map[int]bool, len(packages))
	for i := range packages {
		dependents[i] = map[int]bool{}
	}
	for i := len(packages) - 1; i >= 0; i-- {
		for _, n := range packages[i].Needs {
			dependents[n][i] = true
			for d := range dependents[i] {
				dependents[n][d] = true
			}
		}
	}
	for i, p := range packages {
		if n := len(dependents[i]); len(p.Needs) == 0 && n > 0 && (count == 0 || n < count) {
			root, count = i, n
		}
	}
	return root, count
}

// Change appends a line to a source file of a package of the workspace in dir.
// restore makes the file what it was.
func Change(dir string, p Package, line string) (restore func() error, err error) {
	name := filepath.Join(dir, contextOf(p.Name), "src", "file00.txt")
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err := cmp.Or(err, f.Close()); err != nil {
		return nil, fmt.Errorf("change %s: %w", p.Name, err)
	}
	return func() error { return os.Truncate(name, info.Size()) }, nil
}
