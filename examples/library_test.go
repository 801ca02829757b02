package examples_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLibrary compiles the program that uses the Go API, in its own module,
// and runs it twice: the first run builds, the second finds what is there.
func TestLibrary(t *testing.T) {
	program := filepath.Join(t.TempDir(), "library")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = "library"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	store := t.TempDir()
	for _, want := range []string{"built 2\n", "built 0\n"} {
		run := exec.Command(program, "images", store)
		run.Dir = "library"
		out, err := run.CombinedOutput()
		if err != nil || !strings.HasSuffix(string(out), want) {
			t.Fatalf("%v, want %q at the end of\n%s", err, want, out)
		}
	}
}
