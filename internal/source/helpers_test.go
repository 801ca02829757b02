package source_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stowage-build/stowage/internal/source"
	"github.com/stowage-build/stowage/planner"
)

// write makes files below dir; a name that ends in a slash is a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		parent := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			parent = path
		}
		if err := os.MkdirAll(parent, 0o755); err != nil {
			t.Fatal(err)
		}
		if parent == path {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t testing.TB, dir string, args ...string) {
	t.Helper()
	if err := tryGit(dir, args...); err != nil {
		t.Fatal(err)
	}
}

func tryGit(dir string, args ...string) error {
	args = append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"}, args...)
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("git %v: %w\n%s", args, err, out)
	}
	return nil
}

// commit makes a repository of dir, if it is none, and commits all.
func commit(t testing.TB, dir string) {
	t.Helper()
	git(t, dir, "init", "-q")
	git(t, dir, "-c", "advice.addEmbeddedRepo=false", "add", "-A")
	git(t, dir, "commit", "-qm", "all")
}

func open(t *testing.T, dir string) *source.Tree {
	t.Helper()
	tree, err := source.New(dir, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func set(t *testing.T, dir string, spec planner.SourceSpec) *planner.SourceSet {
	t.Helper()
	s, err := open(t, dir).Set(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed are the paths and types of a set.
func listed(s *planner.SourceSet) []string {
	var out []string
	for _, f := range s.Files {
		line := f.Path
		if f.Type != planner.FileRegular {
			line += " " + string(f.Type)
		}
		if f.Link != "" {
			line += " " + f.Link
		}
		out = append(out, line)
	}
	return out
}

func expect(t *testing.T, have []string, want ...string) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Fatalf("files\n  %q, want\n  %q", have, want)
	}
}

// expectMistake fails unless err is a mistake in the configuration that says
// want.
func expectMistake(t *testing.T, err error, want string) {
	t.Helper()
	var mistake interface{ ConfigurationMistake() bool }
	switch {
	case err == nil || !strings.Contains(err.Error(), want):
		t.Errorf("error %v, want %q", err, want)
	case !errors.As(err, &mistake):
		t.Errorf("%v is no mistake in the configuration", err)
	}
}
